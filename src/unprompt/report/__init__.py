"""Rows -> words, counts, and one page that shows what each rests on; figures -> tables and files."""

"""Rows -> words, counts, and one page with the pictures behind each; figures -> tables and files."""

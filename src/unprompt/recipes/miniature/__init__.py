"""How the suite ``miniature`` is trained from scratch and measured, stage by stage."""

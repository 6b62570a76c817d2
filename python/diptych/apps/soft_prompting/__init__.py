"""Soft prompting: which prompts, of vectors or of words, make two models differ most?"""

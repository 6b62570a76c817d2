"""Contrastive decoding: what text does one model like and the other not, and where in it?"""

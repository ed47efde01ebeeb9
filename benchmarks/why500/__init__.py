"""Labelled fault injection on real AutoGen and a real provider: does `diagnose` name the cause?"""

"""Faults that were found in Rolecall, each as a test of the whole in the simulated world.

A test that still fails is marked as a strict expected failure, with its reason; the fix removes the mark.
"""

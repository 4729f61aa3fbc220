"""A local fake of the three providers, for the demo, the tests and the benchmarks.

Written from the providers' documents alone, so that it contradicts an adapter which misread them.
It imports nothing of Django and nothing of the adapters.
"""

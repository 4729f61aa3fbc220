"""Files of consents: looked at first, then recorded chunk by chunk.

One path for the command, and for whoever else takes files in.
"""

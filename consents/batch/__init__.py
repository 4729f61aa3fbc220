"""Many statements written by a handful of SQL statements, however many they are.

For statements of identities that stand alone: what spreads over a contact, or says whose an
identity is, is written by `consents.writing`. The lines, the state and the bell are the same.
"""

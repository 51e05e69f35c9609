"""Tamper evidence, pure: what an entry is, how it is sealed, the Merkle tree over all of them, signed checkpoints.

Knows bytes, hashes and keys. Must not know files, databases, clocks or chance: times, nonces and keys are arguments.
Invariant: whatever is written here can be verified by `redactor.audit.verifier` alone, without a secret.
"""

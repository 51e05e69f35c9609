"""What redactor costs: a decision against the parsers that it could stand on, the relay against a direct connection.

Every figure comes from one run on one machine, with the things compared taking turns; nothing here is a test.
"""

"""Where checkpoints are published and entries are forwarded to: other disks, machines and people.

Knows one URL for each outlet. Must not delay what is logged: outlets are served behind, each at its own pace, and an
outlet that is down is tried again. Invariant: what an outlet was given is remembered on disk only after the outlet has
taken it, so nothing is left out; after a crash something may be given twice.
"""

from redactor.store.outlets.address import forwarder, publisher
from redactor.store.outlets.courier import Courier, Delivery
from redactor.store.outlets.outlet import Forwarder, OtherHistory, Publisher, Undelivered

__all__ = [
    "Courier",
    "Delivery",
    "Forwarder",
    "OtherHistory",
    "Publisher",
    "Undelivered",
    "forwarder",
    "publisher",
]

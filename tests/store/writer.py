"""A process that writes until it is killed, and says on stdout what the store acknowledged."""

from __future__ import annotations

import asyncio
import sys

from gateway.store import Store
from tests.store.samples import consent, entry


async def main(url: str, prefix: str) -> None:
    store = await Store.open(url)
    for n in range(10_000):
        consent_id = f"{prefix}-{n}"
        async with store.unit() as unit:
            await unit.consents.add(consent(consent_id))
            record = await unit.audit.record(entry(consent_id))
        # Acknowledged from here on.
        print(consent_id, record.seq, record.hash, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""Publishes a made session slowly and never ends; for a test to kill. Arguments: journal, port."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.made_journal import made_records
from tests.made_mqtt import LIVE, publishing


async def main(journal: Path, port: int) -> None:
    async with publishing(journal, port, shown=LIVE) as of:
        for record in made_records():
            of.made.say(record)
            await asyncio.sleep(0.01)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))

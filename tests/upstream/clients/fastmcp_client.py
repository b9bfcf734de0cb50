"""The same as python_sdk.py for the Client of FastMCP, which makes a class of a question's schema and checks the answer by it."""

import asyncio
import json
import os
import sys

from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StdioTransport

PLAY = json.loads(sys.argv[1])


async def main():
    asked, texts = [], []

    async def answer(message, _response_type, _params, _context):
        asked.append(message)
        await asyncio.sleep(PLAY["pause"])
        return ElicitResult(**PLAY["answers"][len(asked) - 1])

    server = StdioTransport(PLAY["command"][0], PLAY["command"][1:], env=dict(os.environ))
    async with Client(server, mode=PLAY["era"], elicitation_handler=answer if PLAY["answers"] else None) as client:
        for _ in range(PLAY["times"]):
            result = await client.call_tool(PLAY["tool"], {"campaignId": 77}, raise_on_error=False)
            texts.append(result.content[0].text)
    print(json.dumps({"texts": texts, "asked": asked}))


asyncio.run(main())

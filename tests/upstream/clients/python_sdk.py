"""The Client of the Python SDK calls a tool of a server and answers the questions that come meanwhile.

usage: python python_sdk.py JSON, where JSON has `command`, `era` ("legacy" or "auto"), `tool`, `times`, `answers` (what is answered
to each elicitation, in this order; none: the client does not declare elicitation), and `pause` in seconds before each answer. Prints
`{"texts": […], "asked": […]}`: what each call returned, and what each question said.
"""

import asyncio
import json
import os
import sys

from mcp import Client, StdioServerParameters
from mcp_types import ElicitResult

PLAY = json.loads(sys.argv[1])


async def main():
    asked, texts = [], []

    async def answer(_context, params):
        asked.append(params.message)
        await asyncio.sleep(PLAY["pause"])
        return ElicitResult(**PLAY["answers"][len(asked) - 1])

    server = StdioServerParameters(command=PLAY["command"][0], args=PLAY["command"][1:], env=dict(os.environ))
    async with Client(server, mode=PLAY["era"], elicitation_callback=answer if PLAY["answers"] else None) as client:
        for _ in range(PLAY["times"]):
            result = await client.call_tool(PLAY["tool"], {"campaignId": 77})
            texts.append(result.content[0].text)
    print(json.dumps({"texts": texts, "asked": asked}))


asyncio.run(main())

#!/usr/bin/env python3
"""Plays the ground truths of AgentDojo in its own environments, and writes what was called and answered to corpus.json.

    python3 -m venv /tmp/agentdojo && /tmp/agentdojo/bin/pip install agentdojo==0.1.35
    /tmp/agentdojo/bin/python tests/agentdojo/extract.py tests/agentdojo/corpus.json

AgentDojo is by Debenedetti et al., https://github.com/ethz-spylab/agentdojo, MIT licence.
"""

import codecs
import datetime
import json
import re
import sys

from agentdojo.functions_runtime import FunctionsRuntime
from agentdojo.task_suite.load_suites import get_suites
from pydantic import BaseModel

VERSION = "v1.2.2"
# What others can write into, in a result: the driver puts an injection, or what stands there by default, in its place.
PLACE = "\u27e6%s\u27e7"


def schema_of(function):
    """The tool's arguments as an MCP server would list them."""

    def clean(node):
        if isinstance(node, dict):
            return {key: clean(value) for key, value in node.items() if key != "title" or not isinstance(value, str)}
        return [clean(item) for item in node] if isinstance(node, list) else node

    schema = function.parameters.model_json_schema()
    schema.pop("description", None)
    return clean(schema)


def plain(value):
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    return value


def text_of(result):
    """A result as a server would write it: a text as it is, everything else as JSON."""
    result = plain(result)
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str)
    # What is sent has the time of now, which is the day of the suites here.
    return re.sub(rf"{datetime.date.today()}T[0-9:.]+", "2024-05-15T12:00:00", text)


def play(suite, task, environment):
    runtime = FunctionsRuntime(suite.tools)
    calls = []
    for call in task.ground_truth(environment.model_copy(deep=True)):
        result, error = runtime.run_function(environment, call.function, call.args)
        item = {"tool": call.function, "arguments": plain(dict(call.args)), "result": text_of(result)}
        if error:
            item |= {"result": error, "is_error": True}
        calls.append(item)
    return calls


def places(suite):
    """What stands in the places by default. The suite puts it between double quotes of YAML."""
    unescape = lambda text: codecs.decode(text, "unicode_escape") if "\\" in text else text
    return {name: unescape(default) for name, default in suite.get_injection_vector_defaults().items()}


def canaries(suite):
    return {name: PLACE % name for name in places(suite)}


def filled(value, suite):
    """A value in which the places hold what stands there by default."""
    text = json.dumps(value, ensure_ascii=False)
    for name, default in places(suite).items():
        text = text.replace(PLACE % name, json.dumps(default, ensure_ascii=False)[1:-1])
    return json.loads(text)


def user_task(suite, task):
    environment = task.init_environment(suite.load_and_inject_default_environment(canaries(suite)))
    calls = play(suite, task, environment)
    # Values that the agent read are what stands there; only results keep the places.
    for call in calls:
        call["arguments"] = filled(call["arguments"], suite)
    return {"id": task.ID, "prompt": task.PROMPT, "calls": calls}


def injection_task(suite, task):
    environment = suite.load_and_inject_default_environment({})
    return {"id": task.ID, "goal": task.GOAL, "calls": play(suite, task, environment)}


def main():
    suites = []
    for name, suite in sorted(get_suites(VERSION).items()):
        suites.append(
            {
                "name": name,
                "tools": [
                    {"name": tool.name, "description": tool.full_docstring, "inputSchema": schema_of(tool)}
                    for tool in suite.tools
                ],
                "places": places(suite),
                "user_tasks": [user_task(suite, task) for task in suite.user_tasks.values()],
                "injections": [injection_task(suite, task) for task in suite.injection_tasks.values()],
            }
        )
    origin = {
        "from": "AgentDojo by Debenedetti et al., https://github.com/ethz-spylab/agentdojo, MIT licence",
        "package": "agentdojo 0.1.35",
        "suites": VERSION,
        "made_by": "tests/agentdojo/extract.py",
    }
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(origin | {"tasks": suites}, file, ensure_ascii=False, indent=0)
        file.write("\n")
    for suite in suites:
        calls = sum(len(task["calls"]) for task in suite["user_tasks"])
        acting = sum(bool(task["calls"]) for task in suite["injections"])
        print(suite["name"], len(suite["user_tasks"]), "user tasks,", calls, "calls;", acting, "injections with calls")


if __name__ == "__main__":
    main()

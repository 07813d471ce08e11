"""The peer: the same networks behind the FastAPI route that a developer writes first. No batching, no limits.

    python plain.py PORT [--asynchronous]

The reader is opened once, the answer is the same object. FastAPI runs a plain function in a pool of 40
threads; `--asynchronous` makes it a coroutine instead, which runs on the event loop and holds it up.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, UploadFile

from inkdigits import Reader

reader = Reader.load()
app = FastAPI()


def classify(file: UploadFile) -> dict[str, Any]:
    return answer(file.file.read(), file.filename)


async def classify_on_the_loop(file: UploadFile) -> dict[str, Any]:
    return answer(await file.read(), file.filename)


def answer(content: bytes, name: str | None) -> dict[str, Any]:
    return {"results": [{**reader.classify(content).to_dict(), "source": name}]}


if __name__ == "__main__":
    asynchronous = "--asynchronous" in sys.argv
    app.post("/v1/classify")(classify_on_the_loop if asynchronous else classify)
    # the event loop and the parser that `inkdigits serve` uses; no log, which ours writes
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False)

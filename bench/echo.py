"""The yardstick: a bare FastAPI application that answers with the body it was sent, as its tutorial would write it."""

import sys

import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.post("/map")
async def echo(body: dict[str, object]) -> dict[str, object]:
    """Send the body back."""
    return body


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)

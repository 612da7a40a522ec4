"""A SCRAM client that is not ours: scramp plays one exchange over its standard input and output, a line for each message.

Reads one line of JSON with `mechanism`, `username` and `password`, and prints one with the client's first message (`first`) and
with the keys that the password makes (`keys`). Then it reads the server's first message, prints the client's final one, reads the
server's final message, and prints `believed` if the server has proven that it knows the keys.
"""

import json
import sys
from base64 import b64encode

from scramp import ScramClient, ScramMechanism


def main():
    lines = (line.decode().rstrip("\n") for line in sys.stdin.buffer)
    order = json.loads(next(lines))
    salt, stored_key, server_key, iterations = ScramMechanism(order["mechanism"]).make_auth_info(order["password"])
    keys = {"salt": salt, "stored_key": stored_key, "server_key": server_key}
    keys = {name: b64encode(value).decode() for name, value in keys.items()}
    client = ScramClient([order["mechanism"]], order["username"], order["password"])
    first = client.get_client_first()
    print(json.dumps({"first": first, "keys": {**keys, "iterations": iterations}}), flush=True)
    client.set_server_first(next(lines))
    print(client.get_client_final(), flush=True)
    client.set_server_final(next(lines))
    print("believed", flush=True)


main()

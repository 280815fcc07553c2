"""Makes a crowd.

crowd.py queue PORT             as many connections as the listener on the port takes without accepting one
crowd.py busy PORT PATH COUNT   that many requests at a time whose body never comes, until it is killed
"""

import os
import select
import socket
import sys
import time


def queue(port):
    held = []
    while len(held) < 5000:
        one = socket.socket()
        one.settimeout(1)
        try:
            one.connect(("127.0.0.1", int(port)))
        except OSError:
            break
        held.append(one)
    print(len(held), "connections are queued")
    # Closed by us they would still be queued; left open they are also never reset.
    if os.fork() == 0:
        os.setsid()
        for stream in (0, 1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR), stream)
        time.sleep(120)


def busy(port, path, count):
    request = f"POST {path} HTTP/1.1\r\nHost: crowd\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"
    held = {}
    while True:
        while len(held) < int(count):
            one = socket.create_connection(("127.0.0.1", int(port)))
            one.sendall(request.encode())
            held[one.fileno()] = one
        for number in select.select(list(held), [], [], 1)[0]:
            held.pop(number).close()


globals()[sys.argv[1]](*sys.argv[2:])

#!/usr/bin/env python3
"""Record how oslo.messaging and SQLAlchemy read URLs, as urls.json.

Run in a virtual environment: pip install oslo.messaging SQLAlchemy PyMySQL,
then: python urls.py > urls.json
"""

import json
import logging
import random

from oslo_config import cfg
from oslo_messaging import TransportURL
from sqlalchemy.engine import make_url

WRITTEN = [
    "",
    "rabbit",
    "rabbit:",
    "rabbit://",
    "rabbit:///",
    "rabbit://h",
    "rabbit://h/",
    "rabbit://h//",
    "rabbit://h:5672",
    "rabbit://h:",
    "rabbit://h:abc/",
    "rabbit://h:0/",
    "rabbit://h:65536/",
    "rabbit://guest:guest@localhost:5672//",
    "rabbit:/guest:guest@localhost:5672//",
    "RABBIT://User:Pass@Host/Vhost",
    "rabbit://u:p%40ss%2Fw%3Ard@h:5672/v%2Fh",
    "rabbit://u%40d:p@h/",
    "rabbit://u@d:p@h/",
    "rabbit://u:p@ss@h/",
    "rabbit://u:p:q@h/",
    "rabbit://u:pa/ss@h/",
    "rabbit://u:pa#ss@h/",
    "rabbit://u:@h/",
    "rabbit://:p@h/",
    "rabbit://u@h/",
    "rabbit://@h/",
    "rabbit://u:p@/v",
    "rabbit://u:p@:5672/v",
    "rabbit://a:b@h1:1,c:d@h2:2,e:f@h3/v",
    "rabbit://a:b@h1,h2,h3:3/v",
    "rabbit://h1,,h2,/",
    "rabbit://,/",
    "rabbit://u:p@[fd00::1]:5672/",
    "rabbit://u:p@[fd00::1]/",
    "rabbit://u:p@[::1],u:p@[::2]:7/",
    "rabbit://u:p@fd00::1/",
    "rabbit://u:p@[::1/",
    "rabbit://u:p@::1]/",
    "rabbit://u:p%@h%4/%zz",
    "rabbit://u:%ff%C3%BC@h/",
    "rabbit://h/v?ssl=1",
    "rabbit://h?ssl=1",
    "rabbit://h/?ssl=1&a=b%20c+d&ssl=0&e=&f",
    "rabbit://h/v#f?ssl=1",
    "rabbit://h/v?a=1#f",
    "  rabbit://h/",
    "rabbit://h1:1,\n h2:2/",
    "rabbit://u:p@h1:1,\nu:p@h2:2/v",
    "kombu+memory:///",
    "kombu+rabbit://u:p@h/",
    "amqp://u:p@h:1/v",
    "amqp1://h",
    "fake://",
    "fake:",
    "1rabbit://h/",
    "rab_bit://h/",
    "rab-bit.x+y://h/",
    "://h/",
    "redis://:password@host:6379?sentinel=mymaster",
    "redis://user:password@host:6379/0?sentinel=m&sentinel_fallback=h2:26379&sentinel_fallback=h3:26379",
    "etcd3+http://10.0.0.1:2379",
    "etcd3+https://10.0.0.1:2379?api_version=v3",
    "memcached://10.0.0.1:11211",
    "zookeeper://h1:2181,h2:2181/ns",
    "mysql+pymysql://user:p%40ss@host/db?charset=utf8",
    "mysql+pymysql://nova:x@maria/nova?unix_socket=/run/mysqld/mysqld.sock",
    "mysql+pymysql://nova:x@10.0.0.1/nova?read_default_file=/etc/my.cnf.d/tripleo.cnf&read_default_group=tripleo",
    "mysql+pymysql:///nova?unix_socket=/run/mysqld/mysqld.sock",
    "mysql+pymysql://u:pa/ss@h:3307/db",
    "mysql+pymysql://u:pa/ss:w?rd#x@h:3307/db",
    "mysql+pymysql://u@d:p@h/db",
    "mysql+pymysql://u@h:3306/db",
    "mysql+pymysql://u:p@[fd00::1]:3306/db",
    "mysql+pymysql://u:p@[fd00::1]/db",
    "mysql+pymysql://u:p@[]/db",
    "mysql+pymysql://h:3306/db@x",
    "mysql+pymysql://h:3306",
    "mysql+pymysql://h:abc/db",
    "mysql+pymysql://h:/db",
    "mysql://u:p@h?charset=utf8",
    "mysql+pymysql://u:p+q@h/a+b?x=a+b",
    "postgresql://u:p@h:5432/db",
    "postgresql://u:p@/db?host=/var/run/postgresql",
    "postgresql+psycopg2://u:p@h1/db?host=h1:1&host=h2:2",
    "sqlite://",
    "sqlite:///",
    "sqlite:////var/lib/x.db",
    "sqlite:///x.db?a=b",
]

PIECES = [
    "u", "p", "host", "10.0.0.1", ":", ":", "@", "@", "/", ",", "?", "&", "=",
    "%40", "%", "[::1]", "5672", "a=b", "+", "#", ".", "-", "ü",
]


def generated():
    choose = random.Random(20261122)
    for _ in range(500):
        scheme = choose.choice(["rabbit://", "mysql+pymysql://"])
        yield scheme + "".join(choose.choices(PIECES, k=choose.randint(1, 12)))


def port(number):
    # A port that cannot be is a mistake here, and shows on connecting there.
    if number is not None and not 1 <= number <= 65535:
        raise ValueError(number)
    return number


def transport(text):
    if not text:
        raise ValueError(text)
    url = TransportURL.parse(cfg.ConfigOpts(), text)
    return {
        "scheme": url.transport,
        "path": url.virtual_host,
        "query": url.query,
        "hosts": [
            [host.hostname or "", port(host.port), host.username, host.password]
            for host in url.hosts
        ],
    }


def database(text):
    url = make_url(text)
    host = [url.host or "", port(url.port), url.username, url.password]
    if host[3] is not None:
        host[3] = str(host[3])
    query = {
        key: value if isinstance(value, str) else ",".join(value)
        for key, value in url.query.items()
    }
    return {
        "scheme": url.drivername,
        "query": query,
        "hosts": [] if host == ["", None, None, None] else [host],
    }


def recorded(read, text):
    try:
        return read(text)
    except Exception:
        return None


def main():
    logging.disable(logging.CRITICAL)
    lines = [
        json.dumps(
            {
                "url": text,
                "transport": recorded(transport, text),
                "database": recorded(database, text),
            }
        )
        for text in [*WRITTEN, *generated()]
    ]
    print("[\n" + ",\n".join(lines) + "\n]")


if __name__ == "__main__":
    main()

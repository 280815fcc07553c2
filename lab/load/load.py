"""Traffic for every service of the lab that is there, until it is ended; says once a minute how much it was."""

import collections
import multiprocessing
import os
import socket
import threading
import time

import oslo_messaging
import pymysql
import redis
import requests
from oslo_config import cfg
from pymemcache.client.base import Client

KEYSTONE = "http://keystone:5000"
# Method, URL; {p} is the project's id.
API = [
    "http://nova-api:8774/v2.1/servers/detail",
    "http://nova-api:8774/v2.1/os-services",
    "http://glance-api:9292/v2/images",
    "http://haproxy:9292/v2/images",
    "http://placement-api:8778/resource_providers",
    "http://neutron-server:9696/v2.0/networks",
    "http://neutron-server:9696/v2.0/agents",
    "http://cinder-api:8776/v3/{p}/volumes/detail",
    "http://heat-api:8004/v1/{p}/stacks",
    KEYSTONE + "/v3/users",
]
# The exchange, the topic.
RPC = [
    ("nova", "conductor"),
    ("nova", "scheduler"),
    ("nova", "compute"),
    ("neutron", "q-plugin"),
    ("neutron", "dhcp_agent"),
    ("heat", "engine"),
]

done = collections.Counter()
failed = collections.Counter()


def forever(name, pause, act):
    def run():
        while True:
            try:
                act()
                done[name] += 1
            except Exception as error:
                if not failed[name]:
                    print(name, type(error).__name__, str(error)[:200], flush=True)
                failed[name] += 1
                time.sleep(2)
            time.sleep(pause)

    threading.Thread(target=run, daemon=True).start()


def token():
    user = {"name": "admin", "domain": {"id": "default"}, "password": "admin"}
    project = {"name": "admin", "domain": {"id": "default"}}
    asked = {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": project},
        }
    }
    answer = requests.post(KEYSTONE + "/v3/auth/tokens", json=asked, timeout=60)
    answer.raise_for_status()
    return answer.headers["X-Subject-Token"], answer.json()["token"]["project"]["id"]


def api(url):
    kept = {"until": 0}

    def act():
        if kept["until"] < time.time():
            kept["token"], kept["project"] = token()
            kept["until"] = time.time() + 60
        # Placement does without keystone here.
        headers = {"X-Auth-Token": "admin" if "placement" in url else kept["token"]}
        answer = requests.get(url.format(p=kept["project"]), headers=headers, timeout=60)
        answer.raise_for_status()

    return act


def network():
    headers = {"X-Auth-Token": token()[0]}
    url = "http://neutron-server:9696/v2.0/networks"
    made = requests.post(url, json={"network": {"name": "load"}}, headers=headers, timeout=60)
    made.raise_for_status()
    requests.delete(url + "/" + made.json()["network"]["id"], headers=headers, timeout=60)


def rpc(transport, exchange, topic):
    target = oslo_messaging.Target(exchange=exchange, topic=topic)
    client = oslo_messaging.RPCClient(transport, target, timeout=30)
    return lambda: client.call({}, "oslo_rpc_server_ping")


def database():
    link = pymysql.connect(host="mariadb", user="openstack", password="openstack")
    with link, link.cursor() as cursor:
        cursor.execute("CREATE DATABASE IF NOT EXISTS load_of_lab")
        cursor.execute("CREATE TABLE IF NOT EXISTS load_of_lab.t (id INT AUTO_INCREMENT PRIMARY KEY, v BLOB)")
        for _ in range(20):
            cursor.execute("INSERT INTO load_of_lab.t (v) VALUES (%s)", (os.urandom(2000),))
            link.commit()
        cursor.execute("SELECT COUNT(*), MAX(v) FROM load_of_lab.t")
        cursor.execute("DELETE FROM load_of_lab.t ORDER BY id LIMIT 20")
        link.commit()


def memcached():
    cache = Client(("memcached", 11211), timeout=10)
    for number in range(50):
        cache.set("k%d" % number, os.urandom(500))
        cache.get("k%d" % number)
    cache.close()


def redis_server():
    cache = redis.Redis("redis", password="openstack", socket_timeout=10)
    for number in range(50):
        cache.set("k%d" % number, os.urandom(500))
        cache.get("k%d" % number)
    cache.close()


def swift():
    login = {"X-Auth-User": "test:tester", "X-Auth-Key": "testing"}
    headers = requests.get("http://swift-proxy:8080/auth/v1.0", headers=login, timeout=60).headers
    given = {"X-Auth-Token": headers["X-Auth-Token"]}
    folder = "http://swift-proxy:8080" + requests.utils.urlparse(headers["X-Storage-Url"]).path + "/load"
    requests.put(folder, headers=given, timeout=60)
    for number in range(10):
        url = "%s/%d" % (folder, number)
        requests.put(url, data=os.urandom(10000), headers=given, timeout=60).raise_for_status()
        requests.get(url, headers=given, timeout=60).raise_for_status()


def burn(seconds):
    until = time.time() + seconds
    while time.time() < until:
        sum(number * number for number in range(10000))


def is_there(host):
    try:
        socket.getaddrinfo(host, None)
        return True
    except OSError:
        return False


def main():
    pause = float(os.environ.get("PAUSE", "0.2"))
    for url in API:
        host = url.split("/")[2].split(":")[0]
        if is_there(host):
            forever("GET " + url, pause, api(url))
    others = {
        "token": ("keystone", token),
        "network": ("neutron-server", network),
        "database": ("mariadb", database),
        "memcached": ("memcached", memcached),
        "redis": ("redis", redis_server),
        "swift": ("swift-proxy", swift),
    }
    for name, (host, act) in others.items():
        if is_there(host):
            forever(name, pause, act)
    cfg.CONF([])
    url = "rabbit://openstack:openstack@rabbit1:5672,openstack:openstack@rabbit2:5673/"
    transport = oslo_messaging.get_rpc_transport(cfg.CONF, url=url)
    for exchange, topic in RPC:
        forever("ping " + topic, pause, rpc(transport, exchange, topic))
    minute = 0
    while True:
        # Every fourth minute nobody gets the processor easily.
        if minute % 4 == 3:
            burners = [multiprocessing.Process(target=burn, args=(45,)) for _ in range(os.cpu_count() * 2)]
            for burner in burners:
                burner.start()
            for burner in burners:
                burner.join()
            time.sleep(15)
        else:
            time.sleep(60)
        minute += 1
        print("minute", minute, "done", dict(done), "failed", dict(failed), flush=True)


main()

//! redis, its sentinels and memcached as they are, and with real faults.

use anyhow::Result;
use container_tests::{Container, FROZEN, HUSH, from_xtask};

fn servers() -> Result<Container> {
    Container::run(&[], &from_xtask("HEALTHCHECK_IMAGE_SERVERS")?, &[])
}

#[test]
fn redis_and_the_sentinel_that_watches_it() -> Result<()> {
    let container = servers()?;
    let redis = |words: &str| {
        container.shell(&format!("REDISCLI_AUTH={HUSH} redis-cli -e {words} > /dev/null"))
    };
    container.shell(&format!(
        "install -d -o redis /data
         printf 'requirepass {HUSH}\\nsave \"\"\\ndir /data\\n' > /etc/redis/redis.conf
         printf 'sentinel monitor kolla 127.0.0.1 6379 1\\nsentinel auth-pass kolla {HUSH}\\n\
                 sentinel down-after-milliseconds kolla 500\\n' > /etc/redis/sentinel.conf
         runuser -u redis -- redis-server /etc/redis/redis.conf --daemonize yes
         redis-sentinel /etc/redis/sentinel.conf --daemonize yes"
    ))?;
    let well = ["healthy: redis: ", "redis answers on 127.0.0.1:6379 (master)"];
    container.says("redis", &well)?;
    let watches = ["healthy: redis-sentinel: ", "answers on 127.0.0.1:26379 (sentinel of 1)"];
    container.says("redis-sentinel", &watches)?;

    // Who may not read its configuration knows its port by its title.
    container.shell(
        "chmod 600 /etc/redis/redis.conf
         runuser -u nobody -- /openstack/healthcheck --service redis |
             grep -qF 'redis answers on 127.0.0.1:6379; not asked for more'
         chmod 644 /etc/redis/redis.conf",
    )?;

    redis("CONFIG SET requirepass hush-hush")?;
    container.says("redis", &["unhealthy: redis: ", "said WRONGPASS ", "(environment)"])?;
    container.shell(&format!(
        "REDISCLI_AUTH=hush-hush redis-cli -e CONFIG SET requirepass {HUSH} > /dev/null"
    ))?;
    container.says("redis", &well)?;

    // Nobody listens there.
    redis("REPLICAOF 127.0.0.1 6380")?;
    let lost = "has not heard its master 127.0.0.1:6380";
    container.says("redis", &["degraded: redis: ", lost])?;
    redis("REPLICAOF NO ONE")?;
    container.says("redis", &well)?;

    // What it saves, it cannot write.
    redis("CONFIG SET save '3600 1000'")?;
    container.shell("chmod a-w /data")?;
    redis("BGSAVE")?;
    container.says("redis", &["unhealthy: redis: ", "said MISCONF ", "(environment)"])?;
    redis("CONFIG SET save ''")?;
    container.shell("chmod u+w /data")?;
    redis("BGSAVE")?;
    container.says("redis", &well)?;

    container.shell("kill -STOP $(pidof redis-server)")?;
    container.says("redis", &["unhealthy: redis: ", FROZEN, "(self)"])?;
    let down = ["degraded: redis-sentinel: ", "master kolla is down (", "s_down"];
    container.says("redis-sentinel", &down)?;
    container.shell("kill -CONT $(pidof redis-server)")?;
    container.says("redis", &well)?;
    container.says("redis-sentinel", &watches)?;
    container.shell("kill -STOP $(pidof redis-sentinel)")?;
    container.says("redis-sentinel", &["unhealthy: redis-sentinel: ", FROZEN, "(self)"])
}

#[test]
fn memcached_and_who_needs_it() -> Result<()> {
    let container = servers()?;
    container.shell("memcached -d -u memcache -l 127.0.0.1")?;
    let client =
        "service = \"client\"\n[[check]]\nkind = \"memcached\"\nto = \"127.0.0.1:11211\"\n";
    let answers = "answers on 127.0.0.1:11211";
    container.says("memcached", &["healthy: memcached: ", "memcached 1.6.", answers])?;
    container.says_by(client, &["healthy: client: ", answers])?;
    container.shell("kill -STOP $(pidof memcached)")?;
    let silent = "127.0.0.1:11211 accepts connections and answers nothing";
    container.says("memcached", &["unhealthy: memcached: ", FROZEN, "(self)"])?;
    container.says_by(client, &["unhealthy: client: ", silent, "(dependency)"])?;
    container.shell("kill -KILL $(pidof memcached)")?;
    let refused = "connection refused by 127.0.0.1:11211";
    container.says_by(client, &["unhealthy: client: ", refused, "(dependency)"])
}

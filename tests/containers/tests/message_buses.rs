//! RabbitMQ as it is, with real faults, and as its clients find it.

use anyhow::{Result, ensure};
use container_tests::{Container, FROZEN, HUSH, from_xtask};

/// More than any fault of ours in a single conversation could hide behind.
const OFTEN: usize = 20;

/// A service of `oslo.messaging`, which answers pings.
const RESPONDER: &str = "
import sys, oslo_config.cfg, oslo_messaging
conf = oslo_config.cfg.ConfigOpts()
conf([])
transport = oslo_messaging.get_rpc_transport(conf, sys.argv[1])
target = oslo_messaging.Target(topic='answers', server='here')
server = oslo_messaging.get_rpc_server(transport, target, [], executor='threading')
server.start()
print('ready', flush=True)
server.wait()
";

fn url(password: &str, vhost: &str) -> String {
    format!("rabbit://guest:{password}@127.0.0.1:5672/{vhost}")
}

/// The definition of a client.
fn client(url: &str) -> String {
    format!("service = \"client\"\n[[check]]\nkind = \"amqp\"\nto = \"{url}\"\n")
}

#[test]
fn rabbitmq_and_who_needs_it() -> Result<()> {
    let broker = Container::run(&[], &from_xtask("HEALTHCHECK_IMAGE_RABBITMQ")?, &[])?;
    let well = ["healthy: rabbitmq: ", "runs RabbitMQ 3.", ", without alarms and partitions"];
    broker.says("rabbitmq", &well)?;
    broker.shell(&format!("rabbitmqctl --quiet change_password guest {HUSH}"))?;
    let right = client(&url(HUSH, ""));
    let takes = "takes messages for / at 127.0.0.1:5672";
    broker.says_by(&right, &["healthy: client: amqp: RabbitMQ 3.", takes])?;
    leave_nothing_in_its_log(&broker)?;

    for (url, words) in [
        (url(&format!("{HUSH}-hush"), ""), "said ACCESS_REFUSED - Login was refused"),
        (url(HUSH, "nowhere"), "said NOT_ALLOWED - vhost nowhere not found"),
    ] {
        let words = ["unhealthy: client: amqp: 127.0.0.1:5672 ", words, "(environment)"];
        broker.says_by(&client(&url), &words)?;
    }
    a_service_is_pinged(&broker)?;

    broker.shell("rabbitmqctl --quiet set_vm_memory_high_watermark 0.00001")?;
    let alarm = [
        "unhealthy: rabbitmq: rabbitmq: memory alarm on ",
        ": publishers are blocked",
        "(environment)",
    ];
    broker.says("rabbitmq", &alarm)?;
    let blocked = "takes no messages: connection.blocked: low on memory";
    broker.says_by(&right, &["unhealthy: client: ", blocked, "(dependency)"])?;
    broker.shell("rabbitmqctl --quiet set_vm_memory_high_watermark 0.4")?;
    broker.says("rabbitmq", &well)?;
    broker.says_by(&right, &["healthy: client: "])?;

    // Its kernel still takes connections for it.
    broker.shell("kill -STOP $(pidof beam.smp)")?;
    let silent = "accepts connections and answers nothing";
    broker.says("rabbitmq", &["unhealthy: rabbitmq: ", FROZEN, "(self)"])?;
    broker.says_by(&right, &["unhealthy: client: ", silent, "(dependency)"])?;
    broker.shell("kill -CONT $(pidof beam.smp)")?;
    broker.says("rabbitmq", &well)
}

/// Whoever reads the broker's log finds nothing in it that is ours and calls for him.
fn leave_nothing_in_its_log(broker: &Container) -> Result<()> {
    let warnings = || {
        broker.shell("cat /var/log/rabbitmq/rabbit@*.log | grep -E '\\[(warning|error)\\]' || true")
    };
    let before = warnings()?;
    for _ in 0..OFTEN {
        for asked in [["--service", "rabbitmq"], ["--definition", "/definition.toml"]] {
            let answer = broker.inside(&asked)?;
            ensure!(answer.status == 0, "{}", answer.output);
        }
    }
    assert_eq!(warnings()?, before);
    Ok(())
}

/// A service that takes calls beside the broker: there, frozen, and not to be found.
fn a_service_is_pinged(broker: &Container) -> Result<()> {
    let beside = format!("container:{}", broker.name);
    let right = url(HUSH, "");
    let service = Container::run(
        &["--network", &beside, "--env", "OS_DEFAULT__RPC_PING_ENABLED=true"],
        &from_xtask("HEALTHCHECK_IMAGE_NOVA_CONDUCTOR")?,
        &["python3", "-c", RESPONDER, &right],
    )?
    .ready()?;
    let definition = |host: &str| {
        format!(
            "service = \"answers\"\nprocess = \"python3\"\n[[check]]\nkind = \"rpc\"\nto = \"{right}\"\n\
             exchange = \"openstack\"\ntopic = \"answers\"\nhost = \"{host}\"\n"
        )
    };
    service.says_by(
        &definition("here"),
        &["healthy: answers: ", "answers a ping in answers.here through 127.0.0.1:5672"],
    )?;
    let nobody = "takes no calls: NOT_FOUND - no queue 'answers.elsewhere'";
    // It has just started, and may be about to.
    service.says_by(&definition("elsewhere"), &["unknown: answers: ", nobody, "it started "])?;
    service.signal("STOP")?;
    let silent = "does not answer a ping in answers.here";
    service.says_by(&definition("here"), &["unhealthy: answers: ", silent, "(self)"])
}

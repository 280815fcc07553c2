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

/// A socket where ceilometer's polling agent tells that it has not polled for years.
const POLLED_ONCE: &str = "
import socket
server = socket.socket(socket.AF_UNIX)
server.bind('/tmp/polls.socket')
server.listen()
print('ready', flush=True)
while True:
    client, _ = server.accept()
    client.sendall(b'cpu 2020-01-01T00:00:00')
    client.close()
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
    let polls = polled_once(&broker)?;
    let late = "unhealthy: polls: heartbeat: cpu ran ";

    broker.shell("rabbitmqctl --quiet set_vm_memory_high_watermark 0.00001")?;
    let alarm = [
        "unhealthy: rabbitmq: rabbitmq: memory alarm on ",
        ": publishers are blocked",
        "(environment)",
    ];
    broker.says("rabbitmq", &alarm)?;
    let blocked = "takes no messages: connection.blocked: low on memory";
    broker.says_by(&right, &["unhealthy: client: ", blocked, "(dependency)"])?;
    polls.says_by(&sends_by(HUSH), &[late, blocked, "(dependency)"])?;
    broker.shell("rabbitmqctl --quiet set_vm_memory_high_watermark 0.4")?;
    broker.says("rabbitmq", &well)?;
    broker.says_by(&right, &["healthy: client: "])?;

    // Its kernel still takes connections for it.
    broker.shell("kill -STOP $(pidof beam.smp)")?;
    let silent = "accepts connections and answers nothing";
    broker.says("rabbitmq", &["unhealthy: rabbitmq: ", FROZEN, "(self)"])?;
    broker.says_by(&right, &["unhealthy: client: ", silent, "(dependency)"])?;
    polls.says_by(&sends_by(HUSH), &[late, silent, "(dependency)"])?;
    broker.shell("kill -CONT $(pidof beam.smp)")?;
    broker.says("rabbitmq", &well)
}

/// Each starts with the others' names, and finds them.
#[test]
fn a_node_that_a_cluster_hangs_on_is_told() -> Result<()> {
    let image = from_xtask("HEALTHCHECK_IMAGE_RABBITMQ")?;
    let node = |number: u16, network: &[&str]| {
        let names = "['rabbit1@bus','rabbit2@bus','rabbit3@bus']";
        let variables = [
            format!("RABBITMQ_NODENAME=rabbit{number}@bus"),
            format!("RABBITMQ_NODE_PORT={}", 5671 + number),
            "RABBITMQ_ERLANG_COOKIE=together".to_owned(),
            format!("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-rabbit cluster_nodes {{{names},disc}}"),
        ];
        let variables = variables.iter().flat_map(|variable| ["--env", variable]);
        let options: Vec<&str> = network.iter().copied().chain(variables).collect();
        // Its port would be the same for all.
        let alone = "rm /etc/rabbitmq/rabbitmq.conf; exec rabbitmq-server";
        Container::run(&options, &image, &["sh", "-ec", alone])
    };
    let first = node(1, &["--hostname", "bus"])?;
    let beside = format!("container:{}", first.name);
    let second = node(2, &["--network", &beside])?;
    let third = node(3, &["--network", &beside])?;
    for (number, node) in [(1, &first), (2, &second), (3, &third)] {
        let runs = format!("rabbit{number}@bus runs RabbitMQ 3.");
        node.says("rabbitmq", &["healthy: rabbitmq: 2 checks", &runs])?;
    }
    first.shell_as(
        "rabbitmq",
        "rabbitmqctl --quiet --node rabbit1@bus eval '
            Declare = fun(Name) ->
                Type = [{<<\"x-queue-type\">>, longstr, <<\"quorum\">>}],
                Queue = rabbit_misc:r(<<\"/\">>, queue, Name),
                {new, _} = rabbit_amqqueue:declare(Queue, true, false, Type, none, <<\"guest\">>)
            end,
            [Declare(<<N>>) || N <- \"abc\"], ok.'",
    )?;
    // Any of them may stop.
    second.says("rabbitmq", &["healthy: rabbitmq: 2 checks"])?;
    third.signal("KILL")?;
    for (number, node) in [(1, &first), (2, &second)] {
        let lose = format!("3 queues lose their quorum if rabbit{number}@bus stops");
        let away = "degraded: rabbitmq: rabbitmq: 2 of 3 nodes are there, not rabbit3@bus; ";
        node.says("rabbitmq", &[away, &lose])?;
        let live = node.inside(&["--service", "rabbitmq", "--role", "live"])?;
        ensure!(live.status == 0, "{}", live.output);
    }
    Ok(())
}

/// With a plugin for AMQP 1.0, configured as RabbitMQ was before 3.7.
const OLDER: &str = "
rm /etc/rabbitmq/rabbitmq.conf
echo '[rabbitmq_amqp1_0].' > /etc/rabbitmq/enabled_plugins
echo '% as TripleO
[{rabbit, [{default_pass, <<\"hush\">>}, {tcp_listeners, [{\"127.0.0.1\", 5674}]}]},
 {kernel, [{inet_dist_listen_min, 25999}, {inet_dist_listen_max, 25999}]}].
' > /etc/rabbitmq/rabbitmq.config
exec rabbitmq-server
";

#[test]
fn rabbitmq_configured_in_erlang_speaks_amqp_1_0() -> Result<()> {
    let image = from_xtask("HEALTHCHECK_IMAGE_RABBITMQ")?;
    let broker = Container::run(&[], &image, &["sh", "-ec", OLDER])?;
    broker.says("rabbitmq", &["healthy: rabbitmq: 2 checks", "runs RabbitMQ 3."])?;
    let explained = broker.inside(&["explain", "--service", "rabbitmq"])?.output;
    for from in [
        "127.0.0.1:5674 (rabbit.tcp_listeners.1 in /etc/rabbitmq/rabbitmq.config:2)",
        "25999 (kernel.inet_dist_listen_min in /etc/rabbitmq/rabbitmq.config:3)",
    ] {
        ensure!(explained.contains(from), "{explained}");
    }
    let client = |password: &str| {
        format!(
            "service = \"bus\"\nprocess = {{ name = \"beam.smp\", arguments = \"rabbit\" }}\n\
             [[check]]\nkind = \"amqp1\"\nport = 5674\nuser = \"guest\"\npassword = \"{password}\"\n"
        )
    };
    let open = ["healthy: bus: amqp1: RabbitMQ 3.", "opens a connection on 127.0.0.1:5674"];
    broker.says_by(&client(HUSH), &open)?;
    // It has whom it refuses wait for 3 s: until then he is not frozen.
    let wrong = client(&format!("{HUSH}-{HUSH}"));
    let held_back = "speaks AMQP 1.0, and does not say whether it lets in guest";
    broker.says_by(&wrong, &["unhealthy: bus: amqp1: ", held_back, "(environment)"])?;
    let refused = broker.inside(&["--definition", "/definition.toml", "--deadline", "8s"])?.output;
    let words = "127.0.0.1:5674 does not let in guest: sasl-outcome auth (environment)";
    ensure!(refused.contains(words), "{refused}");
    broker.shell("kill -STOP $(pidof beam.smp)")?;
    let silent = "127.0.0.1:5674 accepts connections and answers nothing (self)";
    broker.says_by(&client(HUSH), &["unhealthy: bus: amqp1: ", silent])
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

/// The definition of an agent that sends what it polls through the broker.
fn sends_by(password: &str) -> String {
    let broker = url(password, "");
    format!(
        "service = \"polls\"\n[[check]]\nkind = \"heartbeat\"\nunix = \"/tmp/polls.socket\"\n\
         broker = \"{broker}\"\n"
    )
}

/// An agent beside the broker that polls no more: the broker takes what it sends, or knows
/// another password.
fn polled_once(broker: &Container) -> Result<Container> {
    let beside = format!("container:{}", broker.name);
    let image = from_xtask("HEALTHCHECK_IMAGE_NOVA_CONDUCTOR")?;
    let agent = Container::run(&["--network", &beside], &image, &["python3", "-c", POLLED_ONCE])?;
    let agent = agent.ready()?;
    agent.says_by(&sends_by(HUSH), &["degraded: polls: heartbeat: cpu ran "])?;
    let refused = "said ACCESS_REFUSED - Login was refused";
    let wrong = sends_by(&format!("{HUSH}-{HUSH}"));
    let words = ["unhealthy: polls: heartbeat: cpu ran ", refused, "(environment)"];
    agent.says_by(&wrong, &words)?;
    Ok(agent)
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

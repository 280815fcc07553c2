//! MariaDB, Galera and PostgreSQL as they are, with real faults, and as the
//! services find them that need them.

use anyhow::{Result, ensure};
use container_tests::{Container, FROZEN, HUSH, from_xtask};

/// More than any fault of ours in a single conversation could hide behind.
const OFTEN: usize = 20;

/// Puts a cluster of one together. Told to join one that is nowhere, it loses the majority.
const GALERA: [&str; 6] = [
    "mariadbd",
    "--binlog-format=ROW",
    "--wsrep-on=ON",
    "--wsrep-provider=/usr/lib/galera/libgalera_smm.so",
    "--wsrep-cluster-address=gcomm://",
    "--wsrep-provider-options=pc.wait_prim=no;gmcast.listen_addr=tcp://127.0.0.1:4567",
];

fn mariadb(command: &[&str]) -> Result<Container> {
    let password = format!("MYSQL_PASSWORD={HUSH}");
    let options = ["--env", "MYSQL_USERNAME=checker", "--env", &password];
    let container = Container::run(&options, &from_xtask("HEALTHCHECK_IMAGE_MARIADB")?, command)?;
    container.says("mariadb", &["mariadb: listening: on "])?;
    Ok(container)
}

/// Runs statements as who may everything; gives what they gave.
fn sql(container: &Container, statements: &str) -> Result<String> {
    container.shell_as("mysql", &format!("mariadb --skip-column-names -e \"{statements}\""))
}

/// The definition of a service with this database.
fn service(url: &str) -> String {
    format!("service = \"service\"\n[[check]]\nkind = \"database\"\nto = \"{url}\"\n")
}

fn url(password: &str) -> String {
    format!("mysql+pymysql://os:{password}@127.0.0.1/nova")
}

#[test]
fn mariadb_and_who_needs_it() -> Result<()> {
    let container = mariadb(&[])?;
    sql(
        &container,
        &format!(
            "GRANT USAGE ON *.* TO checker@localhost IDENTIFIED BY '{HUSH}';
             ALTER USER os@'%' IDENTIFIED BY '{HUSH}'"
        ),
    )?;
    let right = service(&url(HUSH));
    let well = ["healthy: mariadb: ", "lets us in; it is in no cluster"];
    container.says("mariadb", &well)?;
    container.says_by(&right, &["healthy: service: ", "on 127.0.0.1:3306 lets us in"])?;
    is_counted_by_nobody(&container)?;

    let denied = "Access denied for user 'os'@";
    let wrong = service(&url(&format!("{HUSH}-hush")));
    container.says_by(&wrong, &["unhealthy: service: ", "1045", denied, "(environment)"])?;

    sql(&container, "SET GLOBAL read_only = ON")?;
    let read_only = "is read-only, the service cannot write";
    container.says_by(&right, &["unhealthy: service: ", read_only, "(dependency)"])?;
    container.says("mariadb", &well)?;
    sql(&container, "SET GLOBAL read_only = OFF")?;

    // The least there can be, and one above it for who may everything.
    sql(&container, "SET GLOBAL max_connections = 10")?;
    let crowd = "for client in 1 2 3 4 5 6 7 8 9 10; do \
                 mariadb -e 'SELECT SLEEP(600)' > /dev/null 2>&1 & done";
    container.shell_as("mysql", crowd)?;
    let full = ["1040", "Too many connections"];
    container.says_by(&right, &[&["unhealthy: service: ", "(dependency)"], &full[..]].concat())?;
    container.says("mariadb", &[&["unhealthy: mariadb: "], &full[..]].concat())?;
    container.shell("kill $(pidof mariadb)")?;
    container.says("mariadb", &well)?;

    container.signal("STOP")?;
    let silent = "accepts connections and answers nothing";
    container.says("mariadb", &["unhealthy: mariadb: ", FROZEN, "(self)"])?;
    container.says_by(&right, &["unhealthy: service: ", silent, "(dependency)"])?;
    container.signal("CONT")?;
    container.says("mariadb", &well)?;
    container.says_by(&right, &["healthy: service: "])
}

/// MariaDB bars hosts that leave too many connections behind.
fn is_counted_by_nobody(container: &Container) -> Result<()> {
    let aborted = || sql(container, "SHOW GLOBAL STATUS LIKE 'Aborted_c%'");
    let before = aborted()?;
    ensure!(before.contains("Aborted_connects"), "{before}");
    for _ in 0..OFTEN {
        for asked in [["--service", "mariadb"], ["--definition", "/definition.toml"]] {
            let answer = container.inside(&asked)?;
            ensure!(answer.status == 0, "{}", answer.output);
        }
    }
    assert_eq!(aborted()?, before);
    Ok(())
}

#[test]
fn a_cluster_of_one_that_loses_its_majority() -> Result<()> {
    let container = mariadb(&GALERA)?;
    sql(&container, &format!("GRANT USAGE ON *.* TO checker@localhost IDENTIFIED BY '{HUSH}'"))?;
    sql(&container, &format!("ALTER USER os@'%' IDENTIFIED BY '{HUSH}'"))?;
    let right = service(&url(HUSH));
    let well = ["healthy: mariadb: ", "lets us in, Synced in a cluster of 1"];
    container.says("mariadb", &well)?;
    container.says_by(&right, &["healthy: service: "])?;
    sql(&container, "SET GLOBAL wsrep_cluster_address = 'gcomm://127.0.0.2'")?;
    let lost = "it has lost the majority of its cluster and takes no queries (non-Primary, ";
    container.says("mariadb", &["unhealthy: mariadb: ", lost, "(environment)"])?;
    let lost = "is in no state to serve: its Galera cluster is non-Primary";
    container.says_by(&right, &["unhealthy: service: ", lost, "(dependency)"])?;
    sql(&container, "SET GLOBAL wsrep_cluster_address = 'gcomm://'")?;
    container.says("mariadb", &well)?;
    container.says_by(&right, &["healthy: service: "])
}

#[test]
fn postgresql_for_who_needs_it() -> Result<()> {
    let container = Container::run(&[], &from_xtask("HEALTHCHECK_IMAGE_SERVERS")?, &[])?;
    container.shell("pg_ctlcluster 15 main start")?;
    let create = format!("psql -c \"CREATE ROLE os LOGIN PASSWORD '{HUSH}'\"");
    container.shell_as("postgres", &create)?;
    let to = |password: &str| service(&format!("postgresql://os:{password}@127.0.0.1/postgres"));
    let right = to(HUSH);
    container.says_by(&right, &["healthy: service: ", "PostgreSQL 15.", "lets us in"])?;
    let failed = "password authentication failed for user \"os\"";
    let wrong = to(&format!("{HUSH}-hush"));
    container.says_by(&wrong, &["unhealthy: service: ", failed, "(environment)"])?;
    container
        .shell_as("postgres", "psql -c 'ALTER ROLE os SET default_transaction_read_only = on'")?;
    let read_only = "is read-only, the service cannot write";
    container.says_by(&right, &["unhealthy: service: ", read_only, "(dependency)"])?;
    container.shell("kill -STOP $(head -1 /var/lib/postgresql/15/main/postmaster.pid)")?;
    let silent = "accepts connections and answers nothing";
    container.says_by(&right, &["unhealthy: service: ", silent, "(dependency)"])
}

//! Which service it is: what is typed, the image's file, the name, what runs.

mod support;

use support::Room;

/// What `explain` says of how the service is known, and its first word.
fn known(room: &Room, call: &str) -> (String, String) {
    let answer = room.bash(call);
    assert_eq!(answer.status, Some(0), "{call}: {answer:?}");
    let service = answer.out.split(':').next().unwrap_or_default().to_owned();
    let line = answer.out.lines().find_map(|line| line.strip_prefix("  known by"));
    (service, line.unwrap_or_default().trim().to_owned())
}

fn check(room: &Room, call: &str, service: &str, told_by: &str) {
    assert_eq!(known(room, call), (service.to_owned(), told_by.to_owned()), "{call}");
}

#[test]
fn a_link_s_name_is_the_service_s() {
    let room = Room::new();
    let scripts = "/usr/share/openstack-tripleo-common/healthcheck";
    // As tcib builds it: a link to a script's name, and that a link to us. The
    // host's /usr is not ours to write in, so the scripts stand elsewhere.
    let own = "/scripts/healthcheck";
    std::fs::create_dir_all(room.path(own)).unwrap();
    std::fs::rename(room.path("/openstack/healthcheck"), room.path("/probe")).unwrap();
    room.link("/scripts/healthcheck/nova-conductor", "/probe")
        .link("/scripts/healthcheck/cron", "../../probe")
        .link("/openstack/healthcheck", "/scripts/healthcheck/nova-conductor");
    check(&room, "/openstack/healthcheck explain", "nova-conductor", "its name, nova-conductor");
    check(
        &room,
        "cd /openstack; ./healthcheck explain",
        "nova-conductor",
        "its name, nova-conductor",
    );
    check(
        &room,
        "PATH=/openstack:$PATH; healthcheck explain",
        "nova-conductor",
        "its name, nova-conductor",
    );
    check(
        &room,
        "/scripts/healthcheck/nova-conductor explain",
        "nova-conductor",
        "its name, nova-conductor",
    );
    check(
        &room,
        "exec -a nova_conductor /probe explain",
        "nova-conductor",
        "its name, nova_conductor",
    );
    // A script's path in place of a name, in the folder they are known to be in.
    check(&room, &format!("/probe explain {scripts}/cron"), "cron", "the word \"cron\"");
    check(
        &room,
        "HEALTHCHECK_SCRIPTS=/scripts/healthcheck /probe explain /scripts/healthcheck/cron",
        "cron",
        "the word \"cron\"",
    );
    check(
        &room,
        "HEALTHCHECKS_DIR=/scripts/healthcheck /probe explain /scripts/healthcheck/cron",
        "cron",
        "the word \"cron\"",
    );
    // The word after cron is a user, also where it is a service's name.
    let answer = room.bash("/scripts/healthcheck/cron explain keystone");
    assert!(answer.out.contains("/var/spool/cron/keystone"), "{answer:?}");
}

#[test]
fn an_image_s_own_file_comes_before_names_and_what_is_typed_before_that() {
    let room = Room::new();
    room.file(
        "/openstack/healthcheck.toml",
        "service = \"nova-conductor\"\nlike = \"nova-conductor\"\ndeadline = \"3s\"\n",
    );
    room.link("/openstack/memcached", "/openstack/healthcheck");
    check(&room, "/openstack/memcached explain", "nova-conductor", "/openstack/healthcheck.toml");
    check(&room, "/openstack/healthcheck explain --service memcached", "memcached", "--service");
    check(&room, "/openstack/healthcheck explain memcached", "memcached", "the word \"memcached\"");
    let answer = room.bash("/openstack/healthcheck explain");
    assert!(answer.out.contains("deadline      3s"), "{answer:?}");

    room.file("/openstack/healthcheck.toml", "service = \"new\"\nlike = \"nova-condutor\"\n");
    let answer = room.bash("/openstack/healthcheck");
    assert_eq!(answer.status, Some(1));
    assert!(answer.first().starts_with("error: "), "{answer:?}");
}

#[test]
fn folders_add_services_and_replace_them() {
    let room = Room::new();
    let new =
        "service = \"new\"\naliases = [\"newer\"]\n[[check]]\nkind = \"file\"\npath = \"/\"\n";
    room.file("/etc/openstack/healthcheck.d/new.toml", new);
    let replaced = new.replace("\"new\"", "\"memcached\"").replace("newer", "other");
    room.file("/openstack/healthcheck.d/memcached.toml", &replaced);
    check(&room, "/openstack/healthcheck explain newer", "new", "the word \"newer\"");
    let answer = room.bash("/openstack/healthcheck memcached");
    assert_eq!((answer.status, answer.first()), (Some(0), "healthy: memcached: 1 check"));
    assert!(room.bash("/openstack/healthcheck --list").out.lines().any(|name| name == "new"));
    // A check that was meant and is silently left out would be a lie.
    room.file("/etc/openstack/healthcheck.d/other.toml", "service = 1\n");
    let answer = room.bash("/openstack/healthcheck memcached");
    assert_eq!(answer.status, Some(1));
    assert!(
        answer.first().starts_with("error: /etc/openstack/healthcheck.d/other.toml:1:"),
        "{answer:?}"
    );
}

#[test]
fn what_runs_says_which_service_it_is() {
    let room = Room::new().with_stand_in();
    let memcached = "start memcached listen 127.0.0.1:0";
    check(
        &room,
        &format!("{memcached}; /openstack/healthcheck explain"),
        "memcached",
        "what runs here",
    );
    let answer = room.bash("/openstack/healthcheck");
    assert_eq!(answer.status, Some(1));
    let first = "unknown: container: identity: cannot tell which service this is: ";
    assert!(answer.first().starts_with(first), "{answer:?}");
    let live = room.bash("/openstack/healthcheck --role live");
    assert_eq!(live.status, Some(0), "what is not known must not restart anything: {live:?}");
}

#[test]
fn a_sub_service_s_word_means_what_the_definition_says() {
    let room = Room::new();
    room.file(
        "/openstack/healthcheck.toml",
        "service = \"group\"\nwords = { one = \"memcached\", a-very-long-word-indeed = \"nova-conductor\", \"*\" = \"redis\" }\n[[check]]\nkind = \"file\"\npath = \"/\"\n",
    );
    check(&room, "/openstack/healthcheck explain", "group", "/openstack/healthcheck.toml");
    check(&room, "/openstack/healthcheck explain one", "memcached", "the word \"one\"");
    let cut = "a-very-long-wor";
    check(
        &room,
        &format!("/openstack/healthcheck explain {cut}"),
        "nova-conductor",
        &format!("the word \"{cut}\""),
    );
    check(&room, "/openstack/healthcheck explain anything", "redis", "the word \"anything\"");
    check(&room, "/openstack/healthcheck explain '' null", "group", "/openstack/healthcheck.toml");
}

#[test]
fn a_definition_is_looked_for_where_one_stands() {
    let room = Room::new();
    room.file("/tmp/x.toml", "service = \"x\"\n[[check]]\nkind = \"file\"\npath = \"/\"\n");
    for call in [
        "cd /tmp; /openstack/healthcheck explain --definition x.toml",
        "cd /openstack; ./healthcheck explain --definition ../tmp/x.toml",
        "/openstack/healthcheck explain --definition /tmp/x.toml",
    ] {
        check(&room, call, "x", "--definition");
    }
}

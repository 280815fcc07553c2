//! What a demo shows, as data: which services, which faults, and what must then be seen.

use std::time::Duration;

use crate::images::Image;
use crate::lab::{Fault, Health, Pace, Service, Standing};

/// A whole demo.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// The services in the order they are started, each with what must be done before.
    pub(crate) cast: Vec<(Service, Option<Errand>)>,
    /// The faults, one after the other.
    pub(crate) acts: Vec<Act>,
    /// The service whose whole report is shown once.
    pub(crate) spotlight: &'static str,
    /// How often the engine checks.
    pub(crate) pace: Pace,
    /// How long the services may take to come up.
    pub(crate) patience: Duration,
}

/// Something run to its end before a service is started.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    /// For a person.
    pub(crate) what: &'static str,
    /// The service that must be healthy before.
    pub(crate) needs: &'static str,
    /// A shell command, in the image of the service it is for.
    pub(crate) command: &'static str,
}

/// A fault, and what must be seen of it.
#[derive(Debug)]
pub(crate) struct Act {
    /// What is done.
    pub(crate) fault: Fault,
    /// Why it is worth seeing.
    pub(crate) why: &'static str,
    /// What must be seen, all of it at once.
    pub(crate) expected: Vec<Expected>,
    /// How long that, and the recovery, may take.
    pub(crate) patience: Duration,
}

/// A container that must turn unhealthy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    /// Whose container.
    pub(crate) service: &'static str,
    /// Whose fault its message must say it is.
    pub(crate) blame: Blame,
}

/// Whose fault it is, as the last word of a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// Its own: a restart would help.
    Itself,
    /// That of something it needs: a restart would not help.
    Dependency,
}

impl Scenario {
    /// The services, in order.
    pub(crate) fn services(&self) -> Vec<Service> {
        self.cast.iter().map(|(service, _)| service.clone()).collect()
    }

    /// The images they need.
    pub(crate) fn images(&self) -> Vec<Image> {
        self.cast.iter().map(|(service, _)| service.image).collect()
    }
}

impl Act {
    /// In a few words, what must be seen.
    pub(crate) fn describe_expected(&self) -> String {
        let each = self.expected.iter().map(|Expected { service, blame }| match blame {
            Blame::Itself => format!("{service} unhealthy by its own fault"),
            Blame::Dependency => format!("{service} unhealthy by a dependency's"),
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

impl Expected {
    /// Whether it is so `now`, where `now` has the state of each of `services`.
    pub(crate) fn is_met(&self, services: &[Service], now: &[Standing]) -> bool {
        let own = services.iter().zip(now).find(|(service, _)| service.name == self.service);
        own.is_some_and(|(_, standing)| {
            standing.health == Health::Unhealthy && self.is_said_by(&standing.message)
        })
    }

    /// Whether a verdict's first line says it.
    pub(crate) fn is_said_by(&self, line: &str) -> bool {
        line.starts_with("unhealthy: ") && line.ends_with(self.blame.word())
    }

    /// For each role of a probe: the exit status the command must have meanwhile, and what it means.
    pub(crate) fn roles(&self) -> [(&'static str, i32, &'static str); 2] {
        let ready = ("ready", 1, "it takes no work meanwhile");
        match self.blame {
            Blame::Itself => {
                [("live", 1, "a restart would help, so Kubernetes would do it"), ready]
            }
            Blame::Dependency => [("live", 0, "a restart would not help, so there is none"), ready],
        }
    }
}

impl Blame {
    fn word(self) -> &'static str {
        match self {
            Self::Itself => "(self)",
            Self::Dependency => "(dependency)",
        }
    }
}

fn service(name: &'static str) -> Service {
    Service { name, image: Image(name) }
}

fn expected(service: &'static str, blame: Blame) -> Expected {
    Expected { service, blame }
}

const PACE: Pace = Pace {
    interval: Duration::from_secs(2),
    timeout: Duration::from_secs(10),
    retries: 2,
    start_period: Duration::from_secs(120),
};

/// Only memcached and redis.
pub(crate) fn quick() -> Scenario {
    let patience = Duration::from_secs(40);
    Scenario {
        cast: vec![(service("memcached"), None), (service("redis"), None)],
        acts: vec![
            Act {
                fault: Fault::Freeze { service: "memcached", process: "memcached" },
                why: "The kernel still accepts connections for it: a check of the port alone sees nothing.",
                expected: vec![expected("memcached", Blame::Itself)],
                patience,
            },
            Act {
                fault: Fault::Freeze { service: "redis", process: "redis-server" },
                why: "The same for redis.",
                expected: vec![expected("redis", Blame::Itself)],
                patience,
            },
        ],
        spotlight: "redis",
        pace: PACE,
        patience,
    }
}

/// nova-conductor with its message bus and its database, and a memcached.
pub(crate) fn full() -> Scenario {
    let patience = Duration::from_secs(120);
    let tables = Errand {
        what: "tables of nova (nova-manage)",
        needs: "mariadb",
        command: "nova-manage db sync --local_cell",
    };
    Scenario {
        cast: vec![
            (service("mariadb"), None),
            (service("rabbitmq"), None),
            (service("memcached"), None),
            (service("nova-conductor"), Some(tables)),
        ],
        acts: vec![
            Act {
                fault: Fault::Freeze { service: "nova-conductor", process: "nova-conductor" },
                why: "It is there and holds its connections: pgrep and netstat call it healthy.",
                expected: vec![expected("nova-conductor", Blame::Itself)],
                patience,
            },
            Act {
                fault: Fault::Freeze { service: "rabbitmq", process: "beam.smp" },
                why: "Its kernel still accepts and acknowledges: every connection looks ESTABLISHED.",
                expected: vec![
                    expected("rabbitmq", Blame::Itself),
                    expected("nova-conductor", Blame::Dependency),
                ],
                patience,
            },
            Act {
                fault: Fault::CutOff { service: "rabbitmq" },
                why: "RabbitMQ itself is well; nothing reaches it, and nothing says so.",
                expected: vec![expected("nova-conductor", Blame::Dependency)],
                patience,
            },
        ],
        spotlight: "nova-conductor",
        pace: PACE,
        patience,
    }
}

#[cfg(test)]
mod tests {
    use super::{Blame, Expected, full, quick};
    use crate::lab::{Health, Standing};

    #[test]
    fn an_unhealthy_container_that_blames_another_is_not_what_was_expected() {
        let services = quick().services();
        let expected = Expected { service: "redis", blame: Blame::Itself };
        let standing = |health, message: &str| Standing { health, message: message.to_owned() };
        let well = standing(Health::Healthy, "healthy: memcached: 1 check");
        let met = |redis| expected.is_met(&services, &[well.clone(), redis]);
        assert!(met(standing(Health::Unhealthy, "unhealthy: redis: process: stopped (self)")));
        assert!(!met(standing(Health::Unhealthy, "unhealthy: redis: x: gone (dependency)")));
        assert!(!met(standing(Health::Healthy, "unhealthy: redis: process: stopped (self)")));
    }

    #[test]
    fn every_fault_and_every_expectation_is_about_a_service_in_the_cast() {
        for scenario in [quick(), full()] {
            let names: Vec<_> = scenario.services().iter().map(|service| service.name).collect();
            for act in &scenario.acts {
                assert!(!act.expected.is_empty());
                assert!(act.expected.iter().all(|each| names.contains(&each.service)), "{act:?}");
            }
        }
    }
}

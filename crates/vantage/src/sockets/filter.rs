//! The program by which the kernel picks sockets by port, so that a host's
//! 50,000 do not all have to be told (`inet_diag_bc_run`, net/ipv4/inet_diag.c).

use crate::Port;

// include/uapi/linux/inet_diag.h
const JUMP: u8 = 1;
const SOURCE_AT_LEAST: u8 = 2;
const SOURCE_AT_MOST: u8 = 3;
const DESTINATION_AT_LEAST: u8 = 4;
const DESTINATION_AT_MOST: u8 = 5;

/// A comparison is two operations of 4 bytes: itself, and one that carries the port.
const COMPARISON: usize = 8;
const JUMP_SIZE: usize = 4;
/// Two comparisons and the jump to the end if both hold.
const EQUALITY: usize = 2 * COMPARISON + JUMP_SIZE;

/// With more ports than this the caller picks by itself: jumps are 16 bits wide.
const MAX_PORTS: usize = 256;

/// Which end of a connection a port is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Local,
    Remote,
}

/// A program that accepts a socket if one of its `ends` has one of the
/// `ports`; `None` where no program is of use.
///
/// Every `no` leads to a place that is also reached by following `yes` from
/// the start, or 4 bytes past the end, which rejects: the kernel refuses
/// programs that jump elsewhere.
pub(super) fn program(ports: &[Port], ends: &[End]) -> Option<Vec<u8>> {
    if ports.is_empty() || ports.len() > MAX_PORTS {
        return None;
    }
    // The last equality needs no jump: behind it is the end.
    let length = ports.len() * ends.len() * EQUALITY - JUMP_SIZE;
    let mut program = Vec::with_capacity(length);
    for port in ports {
        for end in ends {
            let (at_least, at_most) = match end {
                End::Local => (SOURCE_AT_LEAST, SOURCE_AT_MOST),
                End::Remote => (DESTINATION_AT_LEAST, DESTINATION_AT_MOST),
            };
            // On no, to the next equality: for the last, past the end.
            let next = program.len() + EQUALITY;
            for code in [at_least, at_most] {
                let no = next - program.len();
                operation(&mut program, code, COMPARISON, no);
                operation(&mut program, 0, 0, usize::from(port.get()));
            }
            if program.len() < length {
                // A jump is a `no` taken always; its `yes` only leads the audit on.
                let to_end = length - program.len();
                operation(&mut program, JUMP, JUMP_SIZE, to_end);
            }
        }
    }
    Some(program)
}

/// `struct inet_diag_bc_op`: code, yes, no.
fn operation(program: &mut Vec<u8>, code: u8, yes: usize, no: usize) {
    program.push(code);
    program.push(yes as u8);
    program.extend((no as u16).to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Op {
        code: u8,
        yes: i64,
        no: i64,
        port: u16,
    }

    fn op(program: &[u8], at: i64) -> Op {
        let at = at as usize;
        let number = |at: usize| u16::from_ne_bytes([program[at], program[at + 1]]);
        let port = if program[at] == JUMP { 0 } else { number(at + 6) };
        Op {
            code: program[at],
            yes: i64::from(program[at + 1]),
            no: i64::from(number(at + 2)),
            port,
        }
    }

    /// The kernel's `inet_diag_bc_run`.
    fn accepts(program: &[u8], local: u16, remote: u16) -> bool {
        let mut at = 0;
        while at < program.len() as i64 {
            let Op { code, yes, no, port } = op(program, at);
            let holds = match code {
                SOURCE_AT_LEAST => local >= port,
                SOURCE_AT_MOST => local <= port,
                DESTINATION_AT_LEAST => remote >= port,
                DESTINATION_AT_MOST => remote <= port,
                JUMP => false,
                other => panic!("operation {other}"),
            };
            at += if holds { yes } else { no };
        }
        at == program.len() as i64
    }

    /// The kernel's `inet_diag_bc_audit`.
    fn is_lawful(program: &[u8]) -> bool {
        let end = program.len() as i64;
        let mut chain = vec![];
        let mut at = 0;
        while at < end {
            chain.push(at);
            at += op(program, at).yes;
        }
        at == end
            && chain.iter().all(|&at| {
                let Op { code, yes, no, .. } = op(program, at);
                let least = if code == JUMP { 4 } else { 8 };
                let target = at + no;
                yes >= least
                    && no >= least
                    && no % 4 == 0
                    && (chain.contains(&target) || target == end || target == end + 4)
            })
    }

    proptest! {
        #[test]
        fn accepts_exactly_the_ports_at_the_ends(
            ports in prop::collection::vec(1u16.., 1..40),
            local in 1u16..,
            remote in 1u16..,
            both in any::<bool>(),
            pick in any::<prop::sample::Index>(),
        ) {
            let wanted: Vec<Port> = ports.iter().filter_map(|&port| Port::new(port)).collect();
            let ends: &[End] = if both { &[End::Local, End::Remote] } else { &[End::Local] };
            let program = program(&wanted, ends).unwrap();
            prop_assert!(is_lawful(&program));
            let one = *pick.get(&ports);
            prop_assert!(accepts(&program, one, remote));
            prop_assert_eq!(accepts(&program, local, one), both || ports.contains(&local));
            let expected = ports.contains(&local) || (both && ports.contains(&remote));
            prop_assert_eq!(accepts(&program, local, remote), expected);
        }
    }

    #[test]
    fn too_many_ports_are_left_to_the_caller() {
        let ports: Vec<Port> = (1..=300).filter_map(Port::new).collect();
        assert_eq!(program(&ports, &[End::Local]), None);
        assert_eq!(program(&[], &[End::Local]), None);
    }
}

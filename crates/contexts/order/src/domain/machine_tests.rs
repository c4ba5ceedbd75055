//! The whole matrix of states, moves, roles and fulfilment paths, compared with a second table.

use std::collections::BTreeSet;

use super::machine::{FulfilmentPath, Move, MoveNotAllowed, Role, State, TABLE, allowed, is_edge, step};

/// State before, move, state after, then roles and fulfilment paths by their first letters (`K` is the kitchen, `X` the courier, `Y` the system).
const SPECIFICATION: &str = "
    Placing         place     AwaitingPayment Y PDV
    Placing         expire    Cancelled  Y    PDV
    Placing         cancel    Cancelled  CSOY PDV
    AwaitingPayment pay       Confirmed  Y    PDV
    AwaitingPayment expire    Cancelled  Y    PDV
    AwaitingPayment cancel    Cancelled  CSOY PDV
    Confirmed       cancel    Cancelled  CSOY PD
    Confirmed       accept    Preparing  SO   PD
    Confirmed       prepare   Preparing  K    PD
    Confirmed       ready     Ready      K    PD
    Confirmed       complete  Completed  Y    V
    Preparing       cancel    Cancelled  SOY  PD
    Preparing       ready     Ready      K    PD
    Preparing       hand_over Delivering SO   D
    Preparing       complete  Completed  SO   P
    Ready           cancel    Cancelled  SO   PD
    Ready           hand_over Delivering SO   D
    Ready           complete  Completed  CSO  P
    Delivering      cancel    Cancelled  O    D
    Delivering      complete  Completed  CXO  D
    Cancelled       revive    Confirmed  Y    PD
";

fn letter(role: Role) -> char {
    match role {
        Role::Customer => 'C',
        Role::Shop => 'S',
        Role::Operator => 'O',
        Role::Kitchen => 'K',
        Role::Courier => 'X',
        Role::System => 'Y',
    }
}

fn path_letter(path: FulfilmentPath) -> char {
    match path {
        FulfilmentPath::Pickup => 'P',
        FulfilmentPath::Delivery => 'D',
        FulfilmentPath::Voucher => 'V',
    }
}

fn specified(from: State, mv: Move, role: Role, path: FulfilmentPath) -> Option<String> {
    SPECIFICATION.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find_map(|words| {
        let &[state, word, to, roles, paths] = words.as_slice() else { return None };
        let is_it = state == format!("{from:?}") && word == mv.word();
        (is_it && roles.contains(letter(role)) && paths.contains(path_letter(path))).then(|| to.to_owned())
    })
}

/// PL-08, T7: every combination of state, move, role and path is decided as specified; a refusal names the allowed moves.
#[test]
fn the_whole_matrix_is_as_specified() {
    let mut allowed_count = 0;
    for (from, mv, role, path) in matrix() {
        let got = step(from, mv, &[role], path);
        let expected = specified(from, mv, role, path);
        assert_eq!(got.as_ref().ok().map(|(to, _)| format!("{to:?}")), expected, "{from:?} {mv:?} {role:?} {path:?}");
        match got {
            Ok((_, by)) => {
                allowed_count += 1;
                assert_eq!(by, role);
                assert!(allowed(from, &[role], path).contains(&mv));
            }
            Err(MoveNotAllowed { state, allowed: instead }) => {
                assert_eq!(state, from);
                assert!(!instead.contains(&mv));
                assert_eq!(instead, allowed(from, &[role], path));
            }
        }
    }
    assert_eq!(allowed_count, 80, "the whole matrix was compared");
}

fn matrix() -> impl Iterator<Item = (State, Move, Role, FulfilmentPath)> {
    let pairs = State::ALL.into_iter().flat_map(|state| Move::ALL.map(|mv| (state, mv)));
    let triples = pairs.flat_map(|(state, mv)| Role::ALL.map(|role| (state, mv, role)));
    triples.flat_map(|(state, mv, role)| FulfilmentPath::ALL.map(|path| (state, mv, role, path)))
}

/// TR-25: no move leads to an earlier state, except the revival of an order that was paid too late.
#[test]
fn states_only_go_forward() {
    for rule in TABLE {
        assert!(rule.to > rule.from || rule.mv == Move::Revive, "{rule:?}");
        assert!(rule.paths.iter().all(|path| is_edge(rule.from, rule.to, *path)));
    }
    assert!(allowed(State::Completed, &Role::ALL, FulfilmentPath::Pickup).is_empty());
}

/// Each state of each path can be reached from the first state, except the states that the path does not have.
#[test]
fn every_state_can_be_reached() {
    for (path, missing) in [
        (FulfilmentPath::Pickup, &[State::Delivering][..]),
        (FulfilmentPath::Delivery, &[]),
        (FulfilmentPath::Voucher, &[State::Preparing, State::Ready, State::Delivering]),
    ] {
        let mut reached = BTreeSet::from([State::Placing]);
        for _ in State::ALL {
            let next = |from: &State| State::ALL.into_iter().filter(|to| is_edge(*from, *to, path)).collect::<Vec<_>>();
            reached.extend(reached.clone().iter().flat_map(next));
        }
        let unreached: Vec<State> = State::ALL.into_iter().filter(|state| !reached.contains(state)).collect();
        assert_eq!(unreached, missing, "{path:?}");
    }
}

/// A caller with several roles moves an order in the first role that may.
#[test]
fn a_caller_with_two_roles_uses_the_role_that_may() {
    let both = [Role::Customer, Role::Shop];
    assert_eq!(step(State::Preparing, Move::Cancel, &both, FulfilmentPath::Pickup), Ok((State::Cancelled, Role::Shop)));
    assert_eq!(
        step(State::Confirmed, Move::Cancel, &both, FulfilmentPath::Pickup),
        Ok((State::Cancelled, Role::Customer))
    );
}

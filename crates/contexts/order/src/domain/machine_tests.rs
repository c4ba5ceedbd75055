//! The whole matrix of states, moves, roles and ways against a second, plain writing of it.

use std::collections::BTreeSet;

use super::machine::{Move, Refused, Role, State, TABLE, Way, allowed, is_edge, step};

/// From, move, to, then roles and ways by their first letters (`K` is the kitchen, `X` the courier, `Y` the system).
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

fn way_letter(way: Way) -> char {
    match way {
        Way::Pickup => 'P',
        Way::Delivery => 'D',
        Way::Voucher => 'V',
    }
}

fn specified(from: State, mv: Move, role: Role, way: Way) -> Option<String> {
    SPECIFICATION.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find_map(|words| {
        let &[state, word, to, roles, ways] = words.as_slice() else { return None };
        let is_it = state == format!("{from:?}") && word == mv.word();
        (is_it && roles.contains(letter(role)) && ways.contains(way_letter(way))).then(|| to.to_owned())
    })
}

/// PL-08, T7: every state, move, role and way is decided, as specified; what is refused names what is allowed.
#[test]
fn the_whole_matrix_is_as_specified() {
    let mut allowed_count = 0;
    for (from, mv, role, way) in matrix() {
        let got = step(from, mv, &[role], way);
        let expected = specified(from, mv, role, way);
        assert_eq!(got.as_ref().ok().map(|(to, _)| format!("{to:?}")), expected, "{from:?} {mv:?} {role:?} {way:?}");
        match got {
            Ok((_, by)) => {
                allowed_count += 1;
                assert_eq!(by, role);
                assert!(allowed(from, &[role], way).contains(&mv));
            }
            Err(Refused { state, allowed: instead }) => {
                assert_eq!(state, from);
                assert!(!instead.contains(&mv));
                assert_eq!(instead, allowed(from, &[role], way));
            }
        }
    }
    assert_eq!(allowed_count, 80, "the matrix was walked");
}

fn matrix() -> impl Iterator<Item = (State, Move, Role, Way)> {
    let pairs = State::ALL.into_iter().flat_map(|state| Move::ALL.map(|mv| (state, mv)));
    let triples = pairs.flat_map(|(state, mv)| Role::ALL.map(|role| (state, mv, role)));
    triples.flat_map(|(state, mv, role)| Way::ALL.map(|way| (state, mv, role, way)))
}

/// TR-25: apart from the revival of one that was paid too late, no move leads back.
#[test]
fn states_only_go_forward() {
    for rule in TABLE {
        assert!(rule.to > rule.from || rule.mv == Move::Revive, "{rule:?}");
        assert!(rule.ways.iter().all(|way| is_edge(rule.from, rule.to, *way)));
    }
    assert!(allowed(State::Completed, &Role::ALL, Way::Pickup).is_empty());
}

/// Each state of each way can be reached from the first one, apart from those that the way does not have.
#[test]
fn every_state_can_be_reached() {
    for (way, missing) in [
        (Way::Pickup, &[State::Delivering][..]),
        (Way::Delivery, &[]),
        (Way::Voucher, &[State::Preparing, State::Ready, State::Delivering]),
    ] {
        let mut reached = BTreeSet::from([State::Placing]);
        for _ in State::ALL {
            let next = |from: &State| State::ALL.into_iter().filter(|to| is_edge(*from, *to, way)).collect::<Vec<_>>();
            reached.extend(reached.clone().iter().flat_map(next));
        }
        let unreached: Vec<State> = State::ALL.into_iter().filter(|state| !reached.contains(state)).collect();
        assert_eq!(unreached, missing, "{way:?}");
    }
}

/// Who is several things at once moves as the first of them that may.
#[test]
fn somebody_with_two_roles_uses_the_one_that_may() {
    let both = [Role::Customer, Role::Shop];
    assert_eq!(step(State::Preparing, Move::Cancel, &both, Way::Pickup), Ok((State::Cancelled, Role::Shop)));
    assert_eq!(step(State::Confirmed, Move::Cancel, &both, Way::Pickup), Ok((State::Cancelled, Role::Customer)));
}

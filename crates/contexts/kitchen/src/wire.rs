//! Enums of the domain and their values in the contract.

use pulse_contract::kitchen::v1::{TicketMove, TicketState};
use pulse_contract::wire_enum;

use crate::domain::ticket::{Move, State};

wire_enum! {
    State = TicketState { New, Accepted, Started, Ready, Bumped, Cancelled };
    Move = TicketMove { Accept, Start, Ready, Bump, Recall }
}

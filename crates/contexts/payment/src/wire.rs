//! Enums of the domain and their values in the contract.

use pulse_contract::payment::v1 as wire;
use pulse_contract::wire_enum;

use crate::domain::merge::{AttemptState, IntentState, RefundState};
use crate::domain::payment::DisputeStatus;

wire_enum! {
    IntentState = wire::IntentState { Open, Processing, Succeeded, Cancelled };
    AttemptState = wire::AttemptState { Created, Open, Processing, Succeeded, Failed, Cancelled };
    RefundState = wire::RefundState { Pending, Succeeded, Failed };
    DisputeStatus = wire::DisputeStatus {
        Inquiry,
        InquiryUnderReview,
        InquiryClosed,
        NeedsResponse,
        UnderReview,
        Won,
        Lost,
    }
}

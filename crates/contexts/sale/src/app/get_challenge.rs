//! Returns the challenge that a buyer answers before a ticket is issued (TR-07).

use pulse_contract::sale::v1::{Challenge, GetChallengeRequest};
use pulse_kernel::{Cx, Error};

use super::{App, active_sale, caller};
use crate::domain::challenge::Asked;

pub(crate) async fn get_challenge(app: &App, cx: &Cx, request: GetChallengeRequest) -> Result<Challenge, Error> {
    let account = caller(cx)?.get();
    let running = active_sale(app, request.sale_id).await?;
    let asked = Asked { asked_at: cx.now, number: rand::random(), nonce: rand::random() };
    let Some(posed) = app.deps.challenge.pose(&running.quiz, asked.number) else { return Ok(Challenge::default()) };
    let challenge_token = asked.sign(&running.terms.key, account);
    Ok(Challenge { challenge_token, text: posed.text, choices: posed.choices })
}

//! Asks a question before a ticket (TR-07).

use pulse_contract::sale::v1::{AskQuestionRequest, Question};
use pulse_kernel::{Cx, Error};

use super::{App, caller, on_floor};
use crate::domain::challenge::Asked;

pub(crate) async fn ask_question(app: &App, cx: &Cx, request: AskQuestionRequest) -> Result<Question, Error> {
    let account = caller(cx)?.get();
    let running = on_floor(app, request.sale_id).await?;
    let asked = Asked { asked_at: cx.now, number: rand::random(), nonce: rand::random() };
    let Some(posed) = app.deps.challenge.pose(&running.quiz, asked.number) else { return Ok(Question::default()) };
    let question = asked.sign(&running.terms.key, account);
    Ok(Question { question, text: posed.text, choices: posed.choices })
}

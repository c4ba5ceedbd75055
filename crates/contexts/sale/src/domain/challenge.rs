//! What slows robots down: a question before a ticket.

use std::time::Duration;

use pulse_kernel::Timestamp;

use super::signed_token::{TokenKey, TokenKind};
use super::ticket::{millis_of_bytes, millis_to_bytes};

/// How long an answer is waited for.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// Asks something that people answer more easily than robots. The quiz is built in; whoever has something better, a
/// picture puzzle or a service that judges browsers, implements this and hands it in.
pub trait Challenge: Send + Sync + 'static {
    /// The question with this number, of a sale that asks `quiz`; the number is random.
    fn pose(&self, quiz: &[Question], number: u16) -> Option<Posed>;

    /// Whether `choice` answers the question with this number.
    fn is_right(&self, quiz: &[Question], number: u16, choice: i32) -> bool;
}

/// A question of a quiz.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The question.
    pub text: String,
    /// What may be chosen.
    pub choices: Vec<String>,
    /// Which choice is right, from 0.
    pub right_choice: i32,
}

/// What somebody is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posed {
    /// The question.
    pub text: String,
    /// What may be chosen.
    pub choices: Vec<String>,
}

/// One of the questions of the sale, at random.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiz;

impl Quiz {
    fn find(quiz: &[Question], number: u16) -> Option<&Question> {
        quiz.get(usize::from(number).checked_rem(quiz.len())?)
    }
}

impl Challenge for Quiz {
    fn pose(&self, quiz: &[Question], number: u16) -> Option<Posed> {
        let question = Self::find(quiz, number)?;
        Some(Posed { text: question.text.clone(), choices: question.choices.clone() })
    }

    fn is_right(&self, quiz: &[Question], number: u16, choice: i32) -> bool {
        Self::find(quiz, number).is_some_and(|question| question.right_choice == choice)
    }
}

/// A question that was asked: its number and when. The account gives it back with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// When it was asked.
    pub asked_at: Timestamp,
    /// Which one.
    pub number: u16,
    /// Tells it from every other time it was asked.
    pub nonce: u64,
}

impl Asked {
    /// As text, for one account.
    #[must_use]
    pub fn sign(self, key: &TokenKey, account: i64) -> String {
        let mut record = [0; 16];
        let (time, rest) = record.split_at_mut(6);
        let (number, nonce) = rest.split_at_mut(2);
        time.copy_from_slice(&millis_to_bytes(self.asked_at));
        number.copy_from_slice(&self.number.to_be_bytes());
        nonce.copy_from_slice(&self.nonce.to_be_bytes());
        key.seal(TokenKind::Question, account, &record)
    }

    /// The question that this account was asked, while an answer is waited for.
    #[must_use]
    pub fn read(key: &TokenKey, account: i64, text: &str, now: Timestamp) -> Option<Self> {
        let record = key.open::<16>(TokenKind::Question, account, text)?;
        let (time, rest) = record.split_at_checked(6)?;
        let (number, nonce) = rest.split_at_checked(2)?;
        let asked = Self {
            asked_at: millis_of_bytes(time),
            number: u16::from_be_bytes(number.try_into().ok()?),
            nonce: u64::from_be_bytes(nonce.try_into().ok()?),
        };
        (now < asked.asked_at.plus(ANSWER_WITHIN)).then_some(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_by_whom_it_was_asked_and_in_time() {
        let key = TokenKey::new(1, &[7; 32]);
        let asked = Asked { asked_at: Timestamp::from_millis(1_000), number: 515, nonce: 9 };
        let text = asked.sign(&key, 10);
        assert_eq!(Asked::read(&key, 10, &text, asked.asked_at), Some(asked));
        assert_eq!(Asked::read(&key, 11, &text, asked.asked_at), None);
        assert_eq!(Asked::read(&key, 10, &text, asked.asked_at.plus(ANSWER_WITHIN)), None);
    }

    #[test]
    fn the_quiz_knows_its_answers() {
        let question = |text: &str, right_choice| Question {
            text: text.to_owned(),
            choices: vec!["a".to_owned(), "b".to_owned()],
            right_choice,
        };
        let quiz = [question("first", 0), question("second", 1)];
        assert_eq!(Quiz.pose(&quiz, 3).unwrap().text, "second");
        assert!(Quiz.is_right(&quiz, 3, 1) && !Quiz.is_right(&quiz, 3, 0) && Quiz.is_right(&quiz, 2, 0));
        assert!(Quiz.pose(&[], 3).is_none() && !Quiz.is_right(&[], 3, 0));
    }
}

//! Challenge against bots: a question that a buyer answers before a ticket is issued.

use std::time::Duration;

use pulse_kernel::Timestamp;

use super::signed_token::{TokenKey, TokenKind};
use super::ticket::{millis_of_bytes, millis_to_bytes};

/// Time within which a question must be answered.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// Poses questions and checks answers. [`Quiz`] is built in; another implementation can use, for example, a CAPTCHA
/// service.
pub trait Challenge: Send + Sync + 'static {
    /// Returns the question for a random number, from the questions of the sale. `None` if the sale has no questions.
    fn pose(&self, quiz: &[Question], number: u16) -> Option<Posed>;

    /// Returns whether `choice` is the right answer to the question for `number`.
    fn is_right(&self, quiz: &[Question], number: u16, choice: i32) -> bool;
}

/// A question of a quiz.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Text of the question.
    pub text: String,
    /// Choices of the answer.
    pub choices: Vec<String>,
    /// Index of the right choice, from 0.
    pub right_choice: i32,
}

/// Question as the buyer receives it, without the right choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posed {
    /// Text of the question.
    pub text: String,
    /// Choices of the answer.
    pub choices: Vec<String>,
}

/// Multiple-choice quiz: selects one of the questions of the sale by the random number.
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

/// Content of a challenge token. The buyer sends the token back with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Time at which the question was posed.
    pub asked_at: Timestamp,
    /// Random number that selects the question.
    pub number: u16,
    /// Random value that makes each token unique, so that it is answered once.
    pub nonce: u64,
}

impl Asked {
    /// Encodes and signs the token for one account.
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

    /// Verifies a token of this account. `None` if it is invalid or older than [`ANSWER_WITHIN`].
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
    fn a_challenge_token_is_valid_for_its_account_and_time() {
        let key = TokenKey::new(1, &[7; 32]);
        let asked = Asked { asked_at: Timestamp::from_millis(1_000), number: 515, nonce: 9 };
        let text = asked.sign(&key, 10);
        assert_eq!(Asked::read(&key, 10, &text, asked.asked_at), Some(asked));
        assert_eq!(Asked::read(&key, 11, &text, asked.asked_at), None);
        assert_eq!(Asked::read(&key, 10, &text, asked.asked_at.plus(ANSWER_WITHIN)), None);
    }

    #[test]
    fn a_quiz_checks_its_answers() {
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

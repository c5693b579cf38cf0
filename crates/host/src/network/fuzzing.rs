//! Questions for names as hostile workspaces may ask them, and answers as hostile resolvers may give them.

use super::names::{HEAD_BYTES, failure, is_answer, is_question};

/// A failure is an answer to the question, no longer than it, and says nothing but the question. The first two bytes say
/// how long the question is, the rest after it is an answer.
pub(crate) fn names(data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk() else { return };
    let (question, answer) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
    if !is_question(question) {
        return;
    }
    let failed = failure(question);
    assert!((HEAD_BYTES..=question.len()).contains(&failed.len()));
    assert!(is_answer(&failed, question) && !is_question(&failed));
    assert_eq!(failed[HEAD_BYTES..], question[HEAD_BYTES..failed.len()]);
    if is_answer(answer, question) {
        assert!(!is_question(answer), "a question is relayed as an answer");
        assert_eq!(answer[..2], question[..2]);
    }
}

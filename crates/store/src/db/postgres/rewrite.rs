//! `?1` becomes `$1`.

/// The PostgreSQL form of a common text. What stands in quotes or behind `--` is left alone, and so is a question mark
/// without a number (an operator).
pub(super) fn rewrite(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut quote = None;
    let mut chars = sql.chars().peekable();
    while let Some(char) = chars.next() {
        let next = chars.peek().copied();
        match (quote, char) {
            (None, '?') if next.is_some_and(|next| next.is_ascii_digit()) => out.push('$'),
            (None, '-') if next == Some('-') => {
                quote = Some('\n');
                out.push(char);
            }
            (None, '\'' | '"') => {
                quote = Some(char);
                out.push(char);
            }
            _ => {
                if quote == Some(char) {
                    quote = None;
                }
                out.push(char);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::rewrite;

    #[test]
    fn only_numbered_parameters_outside_quotes_and_comments_change() {
        assert_eq!(
            rewrite("SELECT '?1', \"?2\", 'it''s ?3' -- isn't ?4\n, a ? b WHERE x=?1 AND y = ?12"),
            "SELECT '?1', \"?2\", 'it''s ?3' -- isn't ?4\n, a ? b WHERE x=$1 AND y = $12"
        );
    }
}

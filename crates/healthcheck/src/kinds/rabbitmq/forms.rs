//! Expressions as Erlang's own parser has them, for what no function of RabbitMQ's counts: they
//! are evaluated where the queues are. ("The Abstract Format" of the Erlang Run-Time System's
//! user's guide.)

use crate::protocols::erlang::{Call, Term};

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Form(Term);

impl Form {
    pub(super) fn atom(name: &str) -> Self {
        Self::of("atom", vec![Term::atom(name)])
    }

    pub(super) fn integer(number: i64) -> Self {
        Self::of("integer", vec![Term::Integer(number)])
    }

    pub(super) fn variable(name: &str) -> Self {
        Self::of("var", vec![Term::atom(name)])
    }

    /// `module:function(arguments)`.
    pub(super) fn call(module: &str, function: &str, arguments: Vec<Self>) -> Self {
        let [module, function] = [module, function].map(|name| Self::atom(name).0);
        let arguments = arguments.into_iter().map(|form| form.0).collect();
        Self::of("call", vec![Self::of("remote", vec![module, function]).0, Term::List(arguments)])
    }

    /// `left operator right`.
    pub(super) fn operation(operator: &str, left: Self, right: Self) -> Self {
        Self::of("op", vec![Term::atom(operator), left.0, right.0])
    }

    /// `[one, …]`.
    pub(super) fn list(forms: impl DoubleEndedIterator<Item = Self>) -> Self {
        let empty = Self(Term::Tuple(vec![Term::atom("nil"), LINE]));
        forms.rfold(empty, |rest, form| Self::of("cons", vec![form.0, rest.0]))
    }

    /// `[variable || variable <- from, condition]`.
    pub(super) fn those(variable: &str, from: Self, condition: Self) -> Self {
        let variable = Self::variable(variable).0;
        let generate = Self::of("generate", vec![variable.clone(), from.0]).0;
        Self::of("lc", vec![variable, Term::List(vec![generate, condition.0])])
    }

    /// `length(self)`.
    pub(super) fn count(self) -> Self {
        Self::call("erlang", "length", vec![self])
    }

    /// Has it evaluated by a node; what takes longer than this many milliseconds fails. The
    /// answer is `{value, Value, Bindings}`.
    pub(super) fn evaluated(self, node: &str, limit: i64) -> Call {
        let [node, module, function] = [node, "erl_eval", "expr"].map(Term::atom);
        let given = Term::List(vec![self.0, Term::List(vec![])]);
        let arguments = vec![node, module, function, given, Term::Integer(limit)];
        Call { module: "rpc", function: "call", arguments }
    }

    /// `{tag, Line, …}`.
    fn of(tag: &str, rest: Vec<Term>) -> Self {
        Self(Term::Tuple([vec![Term::atom(tag), LINE], rest].concat()))
    }
}

/// Where it would stand in a file.
const LINE: Term = Term::Integer(1);

#[cfg(test)]
mod tests {
    use super::Form;
    use crate::protocols::erlang::Term;

    /// As `erl_parse` prints it.
    fn printed(term: &Term) -> String {
        let all = |terms: &[Term]| terms.iter().map(printed).collect::<Vec<_>>().join(",");
        match term {
            Term::Atom(name) => name.clone(),
            Term::Integer(number) => number.to_string(),
            Term::Tuple(terms) => format!("{{{}}}", all(terms)),
            Term::List(terms) => format!("[{}]", all(terms)),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn expressions_are_those_of_erlang_s_parser() {
        // erl_parse:parse_exprs of: erlang:length([Q || Q <- m:f(), 2 * a >= 1]), [a, b]
        let condition = Form::operation(
            ">=",
            Form::operation("*", Form::integer(2), Form::atom("a")),
            Form::integer(1),
        );
        let counted = Form::those("Q", Form::call("m", "f", vec![]), condition).count();
        assert_eq!(
            printed(&counted.0),
            "{call,1,{remote,1,{atom,1,erlang},{atom,1,length}},[{lc,1,{var,1,Q},[{generate,1,\
             {var,1,Q},{call,1,{remote,1,{atom,1,m},{atom,1,f}},[]}},{op,1,>=,{op,1,*,{integer,1,2},\
             {atom,1,a}},{integer,1,1}}]}]}"
        );
        let list = Form::list(["a", "b"].into_iter().map(Form::atom));
        assert_eq!(printed(&list.0), "{cons,1,{atom,1,a},{cons,1,{atom,1,b},{nil,1}}}");
    }
}

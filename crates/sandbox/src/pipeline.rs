//! What becomes of one request, in one go under the state's lock: let in, limit, fault, effect, log.

use std::time::Duration;

use cartlane_model::UnixMs;
use http::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::accounts::{AccountRoute, Scene};
use crate::answer;
use crate::auth::{self, Admitted};
use crate::faults::{self, Fault, Match, Rule};
use crate::log::{Actor, Effect, Entry};
use crate::reply::{Done, Reply};
use crate::router::Target;
use crate::routes::{Place, Request, Route};
use crate::settings::TokenKind;
use crate::state::Inner;
use crate::validate;
use crate::wire::Call;

/// What happens on the connection, and what is left to do.
pub(crate) struct Outcome {
    pub(crate) wire: Wire,
    pub(crate) late: Option<Late>,
    pub(crate) trace_id: String,
}

/// What happens on the connection.
pub(crate) enum Wire {
    Answer(Reply),
    /// The answer, its body taking this long.
    Dribble(Reply, Duration),
    /// The connection closes.
    Cut,
    /// Nothing, for as long as the client holds on.
    Silence,
}

/// An effect that comes after the connection was cut.
pub(crate) struct Late {
    pub(crate) seq: u64,
    pub(crate) after: Duration,
    admitted: Admitted,
}

impl Inner {
    /// Decides about a request and does what it asks for.
    pub(crate) fn handle(&mut self, call: &Call) -> Outcome {
        let now = self.time.now();
        self.stats.requests += 1;
        let mut entry = self.entry(call, now);
        let admitted = match auth::admit(&self.settings, &self.tokens, call, now) {
            Ok(admitted) => admitted,
            Err(reply) => return self.answer(entry, Wire::Answer(reply)),
        };
        entry.operation = admitted.place.operation();
        let quota_key = admitted.holder.as_ref().map(auth::Holder::quota_key);
        if let (Some(limit), Some(key)) = (self.settings.limit, &quota_key)
            && !self.limiter.quota(limit, key, now).allows_one()
        {
            self.stats.r429_limit += 1;
            let reply = self.with_quota(Reply::too_many(), &admitted, now);
            return self.answer(entry, Wire::Answer(reply));
        }
        let incident = self.draw(call);
        let fault = incident.as_ref().map(|rule| rule.fault);
        entry.fault = fault;
        entry.injected = fault.is_some();
        if let (Some(limit), Some(key), false) = (
            self.settings.limit,
            &quota_key,
            fault.is_some_and(Fault::is_outside),
        ) {
            self.limiter.record(limit, key, now);
        }
        let Some(rule) = incident else {
            let reply = self.act(&mut entry, &admitted, call, now);
            let reply = self.with_quota(reply, &admitted, now);
            return self.answer(entry, Wire::Answer(reply));
        };
        if rule.fault == Fault::LateEffect {
            return self.postpone(entry, admitted, &rule);
        }
        let wire = self.fail(&rule, &mut entry, &admitted, call, now);
        self.answer(entry, wire)
    }

    /// The effect of a request whose connection is long gone. Logged under the request's number; none where it is
    /// refused by now.
    pub(crate) fn apply_late(&mut self, late: &Late, call: &Call) {
        let now = self.time.now();
        let effect = self.execute(&late.admitted, call, now).ok().and_then(|done| {
            self.announce(&done, Some(&late.admitted), now);
            done.effect
        });
        self.stats.pending_effects = self.stats.pending_effects.saturating_sub(1);
        if is_new_note(effect.as_ref()) {
            self.stats.late_effect_notes += 1;
        }
        self.log.complete(late.seq, effect, now);
    }

    fn entry(&mut self, call: &Call, now: UnixMs) -> Entry {
        let request_body = if self.settings.log {
            call.body.clone()
        } else {
            Value::Null
        };
        Entry {
            seq: self.log.next_seq(),
            at_ms: now,
            actor: Actor::Api,
            method: call.method.clone(),
            path: call.target.clone(),
            operation: None,
            status: None,
            fault: None,
            effect: None,
            effect_at_ms: None,
            effect_seq: None,
            pending: false,
            injected: false,
            request_body,
        }
    }

    /// The fault that this request meets: by the script, else by the rates.
    fn draw(&mut self, call: &Call) -> Option<Rule> {
        let body = || call.body.to_string();
        if let Some(rule) = self.script.take(&call.method, &call.target, &body) {
            return Some(rule);
        }
        let fault = faults::by_rate(&self.settings.faults, self.dice.unit())?;
        Some(Rule::new(Match::default(), fault, 1))
    }

    fn fail(
        &mut self,
        rule: &Rule,
        entry: &mut Entry,
        admitted: &Admitted,
        call: &Call,
        now: UnixMs,
    ) -> Wire {
        let mut reply = match rule.fault {
            Fault::CutBefore | Fault::LateEffect => return Wire::Cut,
            Fault::CutAfter => {
                self.act(entry, admitted, call, now);
                self.stats.cut_after_effect_notes += u64::from(is_new_note(entry.effect.as_ref()));
                return Wire::Cut;
            }
            Fault::NoAnswer => {
                self.act(entry, admitted, call, now);
                return Wire::Silence;
            }
            Fault::SlowBody => {
                let reply = self.act(entry, admitted, call, now);
                let slow_ms = rule.delay_ms.unwrap_or(self.settings.faults.slow_body_ms);
                let reply = self.with_quota(reply, admitted, now);
                return Wire::Dribble(reply, Duration::from_millis(slow_ms.into()));
            }
            Fault::TooMany => {
                self.stats.r429_injected += 1;
                Reply::too_many()
            }
            Fault::ServerError => self.server_error(rule),
            Fault::ServerErrorAfter => {
                self.act(entry, admitted, call, now);
                self.server_error(rule)
            }
            Fault::GatewayTimeout => {
                self.act(entry, admitted, call, now);
                Reply::unauthorized("Command timed out")
            }
            Fault::Unreadable => self.act(entry, admitted, call, now).unreadable(),
            Fault::Answer => Reply::json(rule.status.unwrap_or(500), rule.body.clone()),
        };
        reply.headers.extend(rule.headers.iter().filter_map(header));
        Wire::Answer(self.with_quota(reply, admitted, now))
    }

    fn server_error(&mut self, rule: &Rule) -> Reply {
        let drawn = [500, 502, 503][usize::try_from(self.dice.up_to(2)).unwrap_or_default()];
        Reply::server_error(rule.status.unwrap_or(drawn))
    }

    fn postpone(&mut self, mut entry: Entry, admitted: Admitted, rule: &Rule) -> Outcome {
        let most = self.settings.faults.late_effect_max_ms;
        let after_ms = rule.delay_ms.unwrap_or_else(|| self.dice.up_to(most));
        entry.pending = true;
        self.stats.pending_effects += 1;
        let late = Late {
            seq: entry.seq,
            after: Duration::from_millis(after_ms.into()),
            admitted,
        };
        let mut outcome = self.answer(entry, Wire::Cut);
        outcome.late = Some(late);
        outcome
    }

    /// Does what is asked for, and notes the effect.
    fn act(&mut self, entry: &mut Entry, admitted: &Admitted, call: &Call, now: UnixMs) -> Reply {
        match self.execute(admitted, call, now) {
            Ok(done) => {
                self.announce(&done, Some(admitted), now);
                self.note_effect(entry, done.effect, now);
                done.reply
            }
            Err(reply) => reply,
        }
    }

    pub(crate) fn note_effect(&mut self, entry: &mut Entry, effect: Option<Effect>, now: UnixMs) {
        if effect.is_some() {
            entry.effect_at_ms = Some(now);
            entry.effect_seq = Some(self.log.next_effect_seq());
        }
        entry.effect = effect;
    }

    fn execute(&mut self, admitted: &Admitted, call: &Call, now: UnixMs) -> Result<Done, Reply> {
        self.store.lag_ms = self.settings.index_lag_ms;
        match admitted.place.target {
            Target::Location(route) => self.execute_route(route, admitted, call, now),
            Target::Account(route) => {
                check(route, admitted, call)?;
                let company = self.settings.company.id.clone();
                let mut scene = Scene {
                    settings: &mut self.settings,
                    store: &mut self.store,
                    accounts: &mut self.accounts,
                    tokens: &mut self.tokens,
                    company: &company,
                    holder: admitted.holder.as_ref(),
                    params: &admitted.params,
                    query: &call.query,
                    body: call.body.as_object().unwrap_or(&self.nothing),
                    items: call.body.as_array().map_or(&[], Vec::as_slice),
                    is_form: call.is_form,
                    version: call.version.as_deref(),
                    now,
                };
                (route.handler)(&mut scene)
            }
            Target::Facts(fact) => {
                let Self { settings, store, .. } = self;
                let holder = admitted.holder.as_ref();
                let moment = now.to_string();
                let new_id = || store.new_id();
                answer::example(settings, holder, fact, &admitted.params, call, new_id, &moment)
            }
        }
    }

    fn execute_route(
        &mut self,
        route: &Route,
        admitted: &Admitted,
        call: &Call,
        now: UnixMs,
    ) -> Result<Done, Reply> {
        let Self {
            settings,
            store,
            nothing,
            ..
        } = self;
        let holder = admitted.holder.as_ref().ok_or_else(Reply::wrong_location)?;
        let in_query = |wanted: &str| {
            let found = call.query.iter().find(|(key, _)| key == wanted);
            found.map(|(_, value)| value.as_str())
        };
        let first = admitted.params.first().map(String::as_str);
        let named = match route.place {
            Place::Contact => None,
            Place::Body => Some(call.body.get("locationId").and_then(Value::as_str)),
            Place::Query => Some(in_query("locationId")),
        };
        let meant = match holder.kind {
            TokenKind::Location => Some(holder.location.as_str()),
            // An agency's token may mean any location; where none is named, the contact's own.
            TokenKind::Agency => named
                .flatten()
                .or_else(|| Some(store.contact(first?)?.location_id.as_str())),
        };
        let location = meant
            .and_then(|id| settings.location(id))
            .ok_or_else(Reply::wrong_location)?;
        if named.is_some_and(|named| named != Some(location.id.as_str())) {
            return Err(Reply::wrong_location());
        }
        let body = match (&call.body, route.body) {
            (_, None) => &*nothing,
            _ if !call.body_is_json => return Err(Reply::bad_request("Unexpected token in JSON")),
            (Value::Object(body), _) => body,
            (Value::Null, _) => &*nothing,
            _ => return Err(Reply::bad_request("Bad Request")),
        };
        let faults = validate::faults(route.body.unwrap_or_default(), body);
        if !faults.is_empty() {
            return Err(Reply::unprocessable(&faults));
        }
        let request = Request {
            params: &admitted.params,
            query: &call.query,
            body,
            location,
            now,
        };
        (route.handler)(store, &request)
    }

    fn with_quota(&mut self, mut reply: Reply, admitted: &Admitted, now: UnixMs) -> Reply {
        if let (Some(limit), Some(holder)) = (self.settings.limit, &admitted.holder) {
            let quota = self.limiter.quota(limit, &holder.quota_key(), now);
            reply.headers.extend(quota.headers());
        }
        reply
    }

    fn answer(&mut self, mut entry: Entry, wire: Wire) -> Outcome {
        let trace_id = format!("5a4db0c5-0000-4000-8000-{:012x}", entry.seq);
        entry.status = match &wire {
            Wire::Answer(reply) | Wire::Dribble(reply, _) => Some(reply.status),
            Wire::Cut | Wire::Silence => None,
        };
        self.keep(entry);
        Outcome {
            wire,
            late: None,
            trace_id,
        }
    }

    pub(crate) fn keep(&mut self, entry: Entry) {
        if self.settings.log {
            self.log.push(entry, self.settings.log_entries);
        }
    }
}

/// 422 for whatever is wrong with query and body.
fn check(route: &AccountRoute, admitted: &Admitted, call: &Call) -> Result<(), Reply> {
    if let Some(properties) = route.body {
        let body = call
            .body
            .as_object()
            .ok_or_else(|| Reply::bad_request("Bad Request"))?;
        let faults = validate::faults(&[properties], body);
        return if faults.is_empty() {
            Ok(())
        } else {
            Err(Reply::unprocessable(&faults))
        };
    }
    match admitted.place.fact {
        Some(fact) if !route.open => answer::check(fact, call, false),
        _ => Ok(()),
    }
}

impl Fault {
    /// The request never got to where requests are counted.
    fn is_outside(self) -> bool {
        matches!(self, Self::CutBefore | Self::TooMany)
    }
}

/// A header of a script, where its name and value are possible ones.
fn header((name, value): (&String, &String)) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, value.parse().ok()?))
}

fn is_new_note(effect: Option<&Effect>) -> bool {
    effect.is_some_and(|effect| effect.kind == "note_created")
}

//! The decision of every verb: a function of what was loaded, which changes everything that it has to, or nothing.

use std::collections::BTreeMap;

use pulse_kernel::id::{AccountId, ShopId};

use super::command::{Change, Command, Refusal, Reply, Told, Verb};
use super::journal::MovementKind;
use super::ledger::{Cause, Ledger, Signal};
use super::reservation::{JudgedLine, Key, Line, Reservation, State, sum};
use super::resource::{LineStatus, Moment, QUANTITY_MAX, Resource, ResourceRef, Rules, judge};

impl Ledger {
    /// Decides a command on the ledger as it is, and changes it.
    ///
    /// # Errors
    /// Why not; then nothing has changed.
    pub fn apply(&mut self, command: &Command) -> Result<Reply, Refusal> {
        let actor = command.actor;
        match &command.verb {
            Verb::Reserve { key, lines, expires_at, moment } => {
                let fresh = Reservation {
                    state: State::Active,
                    lines: self.judge_lines(lines, *moment),
                    expires_at: *expires_at,
                    created_at: self.now,
                };
                self.reserve(*key, lines, fresh, actor).map(Reply::Reservation)
            }
            Verb::Confirm { key, lines } => self.confirm(*key, lines, actor).map(Reply::Reservation),
            Verb::Release { key } => Ok(Reply::Reservation(self.release(*key, actor))),
            Verb::Expire { key } => {
                self.expire(*key);
                Ok(Reply::Noted)
            }
            Verb::Replenish(change) => self.replenish(change, actor),
            Verb::ReplenishNew(change) => self.replenish_new(change, actor),
            Verb::Adjust(change) => self.adjust(change, actor),
            Verb::Transfer { change, to } => self.transfer(change, *to, actor),
            Verb::Put { shop, resource, rules, on_hand } => {
                self.put_rules(*resource, Resource { on_hand: *on_hand, ..Resource::uncounted(*shop) }, *rules, actor)
            }
            Verb::Halt { shop, resource, is_out, out_version } => {
                self.halt(*shop, *resource, *is_out, *out_version);
                Ok(Reply::Noted)
            }
        }
    }

    /// What would become of each line: the demand of a resource is that of all its lines together.
    fn judge_lines(&self, lines: &[Line], moment: Moment) -> Vec<JudgedLine> {
        let demand = sum(lines);
        let judged = |line: &Line| {
            let resource = self.resource(line.resource);
            let status = judge(resource, demand.get(&line.resource).copied().unwrap_or(0), moment);
            JudgedLine { line: *line, status, available: available_when(status, resource) }
        };
        lines.iter().map(judged).collect()
    }

    fn reserve(
        &mut self,
        key: Key,
        lines: &[Line],
        fresh: Reservation,
        actor: Option<AccountId>,
    ) -> Result<Told, Refusal> {
        if let Some(known) = self.reservation(key) {
            return match known.state {
                State::Released | State::Expired => Ok(told(key, known)),
                State::Active | State::Confirmed if known.is_for(lines) => Ok(told(key, known)),
                State::Active | State::Confirmed => Err(Refusal::KeyReused),
            };
        }
        if fresh.lines.iter().any(|judged| judged.status.is_refusal()) {
            return Ok(refused(key, fresh));
        }
        let cause = Cause { kind: MovementKind::Reserve, key: Some(key), actor, note: "" };
        self.shift_all(&fresh.units(), |quantity| (0, quantity), cause);
        if let Some(at) = fresh.expires_at {
            self.wake(key, at);
        }
        let answer = told(key, &fresh);
        self.keep(key, fresh);
        Ok(answer)
    }

    fn confirm(&mut self, key: Key, lines: &[Line], actor: Option<AccountId>) -> Result<Told, Refusal> {
        let Some(known) = self.reservation(key).cloned() else {
            return if lines.is_empty() { Err(Refusal::ReservationNotFound) } else { Ok(self.take(key, lines, actor)) };
        };
        match known.state {
            State::Active => Ok(self.confirm_held(key, known, actor)),
            State::Expired if !lines.is_empty() => Ok(self.take(key, lines, actor)),
            State::Expired | State::Confirmed | State::Released => Ok(told(key, &known)),
        }
    }

    /// What is held leaves, and with it what was to be taken at payment; when that is short, everything stays held.
    fn confirm_held(&mut self, key: Key, known: Reservation, actor: Option<AccountId>) -> Told {
        let (held, due) = (known.units(), known.at_payment());
        let mut confirmed = Reservation { state: State::Confirmed, ..known };
        for judged in confirmed.lines.iter_mut().filter(|judged| judged.status == LineStatus::DeferredToPayment) {
            let resource = self.resource(judged.line.resource);
            let demand = due.get(&judged.line.resource).copied().unwrap_or(0);
            judged.status = judge(resource, demand, Moment::Payment);
            judged.available = available_when(judged.status, resource);
        }
        if confirmed.lines.iter().any(|judged| judged.status.is_refusal()) {
            return refused(key, confirmed);
        }
        let cause = Cause { kind: MovementKind::Confirm, key: Some(key), actor, note: "" };
        self.shift_all(&held, |quantity| (-quantity, -quantity), cause);
        self.shift_all(&due, |quantity| (-quantity, 0), cause);
        self.settle(key, confirmed)
    }

    /// Reserves and confirms in one step what is not held (any more).
    fn take(&mut self, key: Key, lines: &[Line], actor: Option<AccountId>) -> Told {
        let created_at = self.reservation(key).map_or(self.now, |known| known.created_at);
        let lines = self.judge_lines(lines, Moment::Payment);
        let taken = Reservation { state: State::Confirmed, lines, expires_at: None, created_at };
        if taken.lines.iter().any(|judged| judged.status.is_refusal()) {
            return refused(key, taken);
        }
        let cause = Cause { kind: MovementKind::Confirm, key: Some(key), actor, note: "" };
        self.shift_all(&taken.units(), |quantity| (-quantity, 0), cause);
        self.settle(key, taken)
    }

    fn release(&mut self, key: Key, actor: Option<AccountId>) -> Told {
        let cause = |kind| Cause { kind, key: Some(key), actor, note: "" };
        let Some(known) = self.reservation(key).cloned() else {
            // It keeps a request that comes late from reserving what nobody would give back.
            let never =
                Reservation { state: State::Released, lines: Vec::new(), expires_at: None, created_at: self.now };
            self.keep(key, never.clone());
            return told(key, &never);
        };
        match known.state {
            State::Active => self.shift_all(&known.units(), |quantity| (0, -quantity), cause(MovementKind::Release)),
            State::Confirmed => self.shift_all(&known.units(), |quantity| (quantity, 0), cause(MovementKind::Return)),
            State::Expired => {}
            State::Released => return told(key, &known),
        }
        self.settle(key, Reservation { state: State::Released, ..known })
    }

    fn expire(&mut self, key: Key) {
        match self.reservation(key).cloned() {
            Some(known) if known.state == State::Active => match known.expires_at {
                // The clock was moved back: it is not yet time.
                Some(at) if at > self.now => self.wake(key, at),
                None => self.sleep(key),
                Some(_) => {
                    let cause = Cause { kind: MovementKind::Expire, key: Some(key), actor: None, note: "" };
                    self.shift_all(&known.units(), |quantity| (0, -quantity), cause);
                    self.tell(Signal::Expired(key));
                    self.settle(key, Reservation { state: State::Expired, ..known });
                }
            },
            Some(_) | None => self.sleep(key),
        }
    }

    /// Moves the units of each resource, in the order of the resources.
    fn shift_all(&mut self, units: &BTreeMap<ResourceRef, i64>, by: fn(i64) -> (i64, i64), cause: Cause<'_>) {
        for (resource, quantity) in units {
            self.shift(*resource, by(*quantity), cause);
        }
    }

    /// Keeps a reservation that is not held any more, and stops its clock.
    fn settle(&mut self, key: Key, settled: Reservation) -> Told {
        if settled.expires_at.is_some() {
            self.sleep(key);
        }
        let answer = told(key, &settled);
        self.keep(key, settled);
        answer
    }

    fn replenish(&mut self, change: &Change, actor: Option<AccountId>) -> Result<Reply, Refusal> {
        let row = self.counted(change)?;
        if row.on_hand.saturating_add(change.quantity) > QUANTITY_MAX {
            return Err(Refusal::TooMuch);
        }
        let cause = Cause { kind: MovementKind::Replenish, key: None, actor, note: &change.note };
        self.shift(change.resource, (change.quantity, 0), cause);
        Ok(self.stock(change.resource))
    }

    fn replenish_new(&mut self, change: &Change, actor: Option<AccountId>) -> Result<Reply, Refusal> {
        if !self.resource(change.resource).is_some_and(|row| row.is_counted) {
            self.put_rules(change.resource, Resource::uncounted(change.shop), Rules::default(), actor)?;
        }
        self.replenish(change, actor)
    }

    fn adjust(&mut self, change: &Change, actor: Option<AccountId>) -> Result<Reply, Refusal> {
        let row = self.counted(change)?;
        if row.on_hand.saturating_add(change.quantity) > QUANTITY_MAX {
            return Err(Refusal::TooMuch);
        }
        let floor = if row.rules.is_oversell_allowed { -QUANTITY_MAX } else { 0 };
        if change.quantity < 0 && row.available().saturating_add(change.quantity) < floor {
            return Err(Refusal::Short { available: row.available() });
        }
        let cause = Cause { kind: MovementKind::Adjust, key: None, actor, note: &change.note };
        self.shift(change.resource, (change.quantity, 0), cause);
        Ok(self.stock(change.resource))
    }

    fn transfer(&mut self, change: &Change, to: ResourceRef, actor: Option<AccountId>) -> Result<Reply, Refusal> {
        let available = self.counted(change)?.available();
        let target = self.resource(to).filter(|row| row.is_counted).ok_or(Refusal::NotFound)?;
        if change.resource == to || target.shop != change.shop {
            return Err(Refusal::TransferInvalid);
        }
        if available < change.quantity {
            return Err(Refusal::Short { available });
        }
        if target.on_hand.saturating_add(change.quantity) > QUANTITY_MAX {
            return Err(Refusal::TooMuch);
        }
        let cause = |kind| Cause { kind, key: None, actor, note: &change.note };
        self.shift(change.resource, (-change.quantity, 0), cause(MovementKind::TransferOut));
        self.shift(to, (change.quantity, 0), cause(MovementKind::TransferIn));
        let after = |resource| self.resource(resource).cloned().ok_or(Refusal::NotFound);
        Ok(Reply::Transfer([(change.resource, after(change.resource)?), (to, after(to)?)]))
    }

    /// Makes `fresh`, or changes the rules of what is there.
    fn put_rules(
        &mut self,
        resource: ResourceRef,
        fresh: Resource,
        rules: Rules,
        actor: Option<AccountId>,
    ) -> Result<Reply, Refusal> {
        let known = self.resource(resource).cloned();
        if known.as_ref().is_some_and(|row| row.shop != fresh.shop) {
            return Err(Refusal::NotFound);
        }
        let opened_with = fresh.on_hand;
        let mut row = known.unwrap_or(Resource { on_hand: 0, ..fresh });
        let is_new = !row.is_counted;
        row.is_counted = true;
        row.set_rules(rules);
        self.put(resource, row);
        if is_new {
            let cause = Cause { kind: MovementKind::Open, key: None, actor, note: "" };
            self.shift(resource, (opened_with, 0), cause);
        }
        Ok(self.stock(resource))
    }

    fn halt(&mut self, shop: ShopId, resource: ResourceRef, is_out: bool, out_version: i64) {
        let mut row = self.resource(resource).cloned().unwrap_or_else(|| Resource::uncounted(shop));
        if row.out_version >= out_version || row.shop != shop {
            return;
        }
        let is_back = row.is_halted && !is_out;
        row.is_halted = is_out;
        row.out_version = out_version;
        let available = row.available();
        if is_back && (!row.is_counted || row.rules.is_oversell_allowed || available > 0) {
            self.tell(Signal::IsBack { shop, resource, available });
        }
        self.put(resource, row);
    }

    /// The resource of a change, when it is counted and of the shop.
    fn counted(&self, change: &Change) -> Result<&Resource, Refusal> {
        let row = self.resource(change.resource);
        row.filter(|row| row.is_counted && row.shop == change.shop).ok_or(Refusal::NotFound)
    }

    fn stock(&self, resource: ResourceRef) -> Reply {
        self.resource(resource).map_or(Reply::Noted, |row| Reply::Stock(resource, row.clone()))
    }
}

fn available_when(status: LineStatus, resource: Option<&Resource>) -> i64 {
    resource.filter(|_| status.is_refusal()).map_or(0, Resource::available)
}

fn told(key: Key, known: &Reservation) -> Told {
    Told { key, state: Some(known.state), lines: known.lines.clone(), expires_at: known.expires_at }
}

fn refused(key: Key, fresh: Reservation) -> Told {
    Told { key, state: None, lines: fresh.lines, expires_at: fresh.expires_at }
}

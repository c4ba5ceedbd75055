//! Decision of every command: a pure function of the loaded rows. A command changes all affected rows or none.

use std::collections::BTreeMap;

use pulse_kernel::id::{AccountId, ShopId};

use super::command::{Change, Command, Refusal, Reply, ReservationResult, Verb};
use super::journal::MovementKind;
use super::ledger::{Cause, Ledger, Signal};
use super::reservation::{Key, Line, LineOutcome, Reservation, State, sum};
use super::resource::{LineStatus, Moment, QUANTITY_MAX, Resource, ResourceRef, Rules, decide_demand};

impl Ledger {
    /// Decides a command on the current rows, and applies its changes.
    ///
    /// # Errors
    /// The reason of the refusal; then nothing is changed.
    pub fn apply(&mut self, command: &Command) -> Result<Reply, Refusal> {
        let actor = command.actor;
        match &command.verb {
            Verb::Reserve { key, lines, expires_at, moment } => {
                let fresh = Reservation {
                    state: State::Active,
                    lines: self.decide_lines(lines, *moment),
                    expires_at: *expires_at,
                    created_at: self.now,
                };
                self.reserve(*key, lines, fresh, actor).map(Reply::Reservation)
            }
            Verb::Confirm { key, lines } => self.confirm(*key, lines, actor).map(Reply::Reservation),
            Verb::Release { key } => Ok(Reply::Reservation(self.release(*key, actor))),
            Verb::Expire { key } => {
                self.expire(*key);
                Ok(Reply::Empty)
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
                Ok(Reply::Empty)
            }
        }
    }

    /// Returns the outcome of each line. The demand of a resource is the sum of all its lines.
    fn decide_lines(&self, lines: &[Line], moment: Moment) -> Vec<LineOutcome> {
        let demand = sum(lines);
        let outcome = |line: &Line| {
            let resource = self.resource(line.resource);
            let status = decide_demand(resource, demand.get(&line.resource).copied().unwrap_or(0), moment);
            LineOutcome { line: *line, status, available: available_when(status, resource) }
        };
        lines.iter().map(outcome).collect()
    }

    fn reserve(
        &mut self,
        key: Key,
        lines: &[Line],
        fresh: Reservation,
        actor: Option<AccountId>,
    ) -> Result<ReservationResult, Refusal> {
        if let Some(known) = self.reservation(key) {
            return match known.state {
                State::Released | State::Expired => Ok(result_of(key, known)),
                State::Active | State::Confirmed if known.is_for(lines) => Ok(result_of(key, known)),
                State::Active | State::Confirmed => Err(Refusal::KeyReused),
            };
        }
        if fresh.lines.iter().any(|outcome| outcome.status.is_refusal()) {
            return Ok(refused(key, fresh));
        }
        let cause = Cause { kind: MovementKind::Reserve, key: Some(key), actor, note: "" };
        self.move_all(&fresh.units(), |quantity| (0, quantity), cause);
        if let Some(at) = fresh.expires_at {
            self.set_timer(key, at);
        }
        let answer = result_of(key, &fresh);
        self.put_reservation(key, fresh);
        Ok(answer)
    }

    fn confirm(&mut self, key: Key, lines: &[Line], actor: Option<AccountId>) -> Result<ReservationResult, Refusal> {
        let Some(known) = self.reservation(key).cloned() else {
            return if lines.is_empty() {
                Err(Refusal::ReservationNotFound)
            } else {
                Ok(self.reserve_and_confirm(key, lines, actor))
            };
        };
        match known.state {
            State::Active => Ok(self.confirm_held(key, known, actor)),
            State::Expired if !lines.is_empty() => Ok(self.reserve_and_confirm(key, lines, actor)),
            State::Expired | State::Confirmed | State::Released => Ok(result_of(key, &known)),
        }
    }

    /// Deducts the reserved units and the units that are due at payment. If one of the latter is short, nothing is deducted
    /// and the reservation stays active.
    fn confirm_held(&mut self, key: Key, known: Reservation, actor: Option<AccountId>) -> ReservationResult {
        let (held, due) = (known.units(), known.at_payment());
        let mut confirmed = Reservation { state: State::Confirmed, ..known };
        for outcome in confirmed.lines.iter_mut().filter(|outcome| outcome.status == LineStatus::DeferredToPayment) {
            let resource = self.resource(outcome.line.resource);
            let demand = due.get(&outcome.line.resource).copied().unwrap_or(0);
            outcome.status = decide_demand(resource, demand, Moment::Payment);
            outcome.available = available_when(outcome.status, resource);
        }
        if confirmed.lines.iter().any(|outcome| outcome.status.is_refusal()) {
            return refused(key, confirmed);
        }
        let cause = Cause { kind: MovementKind::Confirm, key: Some(key), actor, note: "" };
        self.move_all(&held, |quantity| (-quantity, -quantity), cause);
        self.move_all(&due, |quantity| (-quantity, 0), cause);
        self.finish(key, confirmed)
    }

    /// Reserves and confirms lines in one step, without an active reservation.
    fn reserve_and_confirm(&mut self, key: Key, lines: &[Line], actor: Option<AccountId>) -> ReservationResult {
        let created_at = self.reservation(key).map_or(self.now, |known| known.created_at);
        let lines = self.decide_lines(lines, Moment::Payment);
        let taken = Reservation { state: State::Confirmed, lines, expires_at: None, created_at };
        if taken.lines.iter().any(|outcome| outcome.status.is_refusal()) {
            return refused(key, taken);
        }
        let cause = Cause { kind: MovementKind::Confirm, key: Some(key), actor, note: "" };
        self.move_all(&taken.units(), |quantity| (-quantity, 0), cause);
        self.finish(key, taken)
    }

    fn release(&mut self, key: Key, actor: Option<AccountId>) -> ReservationResult {
        let cause = |kind| Cause { kind, key: Some(key), actor, note: "" };
        let Some(known) = self.reservation(key).cloned() else {
            // The row prevents a late request from reserving units that would never be released.
            let never =
                Reservation { state: State::Released, lines: Vec::new(), expires_at: None, created_at: self.now };
            self.put_reservation(key, never.clone());
            return result_of(key, &never);
        };
        match known.state {
            State::Active => self.move_all(&known.units(), |quantity| (0, -quantity), cause(MovementKind::Release)),
            State::Confirmed => self.move_all(&known.units(), |quantity| (quantity, 0), cause(MovementKind::Return)),
            State::Expired => {}
            State::Released => return result_of(key, &known),
        }
        self.finish(key, Reservation { state: State::Released, ..known })
    }

    fn expire(&mut self, key: Key) {
        match self.reservation(key).cloned() {
            Some(known) if known.state == State::Active => match known.expires_at {
                // The clock was moved back: the time is not reached.
                Some(at) if at > self.now => self.set_timer(key, at),
                None => self.cancel_timer(key),
                Some(_) => {
                    let cause = Cause { kind: MovementKind::Expire, key: Some(key), actor: None, note: "" };
                    self.move_all(&known.units(), |quantity| (0, -quantity), cause);
                    self.emit(Signal::Expired(key));
                    self.finish(key, Reservation { state: State::Expired, ..known });
                }
            },
            Some(_) | None => self.cancel_timer(key),
        }
    }

    /// Applies a movement to each resource, in their order.
    fn move_all(&mut self, units: &BTreeMap<ResourceRef, i64>, by: fn(i64) -> (i64, i64), cause: Cause<'_>) {
        for (resource, quantity) in units {
            self.move_units(*resource, by(*quantity), cause);
        }
    }

    /// Stores a reservation in a final state, and cancels its expiry timer.
    fn finish(&mut self, key: Key, finished: Reservation) -> ReservationResult {
        if finished.expires_at.is_some() {
            self.cancel_timer(key);
        }
        let answer = result_of(key, &finished);
        self.put_reservation(key, finished);
        answer
    }

    fn replenish(&mut self, change: &Change, actor: Option<AccountId>) -> Result<Reply, Refusal> {
        let row = self.counted(change)?;
        if row.on_hand.saturating_add(change.quantity) > QUANTITY_MAX {
            return Err(Refusal::TooMuch);
        }
        let cause = Cause { kind: MovementKind::Replenish, key: None, actor, note: &change.note };
        self.move_units(change.resource, (change.quantity, 0), cause);
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
        let available_min = if row.rules.is_oversell_allowed { -QUANTITY_MAX } else { 0 };
        if change.quantity < 0 && row.available().saturating_add(change.quantity) < available_min {
            return Err(Refusal::Short { available: row.available() });
        }
        let cause = Cause { kind: MovementKind::Adjust, key: None, actor, note: &change.note };
        self.move_units(change.resource, (change.quantity, 0), cause);
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
        self.move_units(change.resource, (-change.quantity, 0), cause(MovementKind::TransferOut));
        self.move_units(to, (change.quantity, 0), cause(MovementKind::TransferIn));
        let after = |resource| self.resource(resource).cloned().ok_or(Refusal::NotFound);
        Ok(Reply::Transfer([(change.resource, after(change.resource)?), (to, after(to)?)]))
    }

    /// Creates the stock record `fresh`, or changes the rules of the existing one.
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
        self.put_resource(resource, row);
        if is_new {
            let cause = Cause { kind: MovementKind::Open, key: None, actor, note: "" };
            self.move_units(resource, (opened_with, 0), cause);
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
            self.emit(Signal::IsBack { shop, resource, available });
        }
        self.put_resource(resource, row);
    }

    /// Returns the resource of a change, if it has a stock record and belongs to the shop.
    fn counted(&self, change: &Change) -> Result<&Resource, Refusal> {
        let row = self.resource(change.resource);
        row.filter(|row| row.is_counted && row.shop == change.shop).ok_or(Refusal::NotFound)
    }

    fn stock(&self, resource: ResourceRef) -> Reply {
        self.resource(resource).map_or(Reply::Empty, |row| Reply::Stock(resource, row.clone()))
    }
}

fn available_when(status: LineStatus, resource: Option<&Resource>) -> i64 {
    resource.filter(|_| status.is_refusal()).map_or(0, Resource::available)
}

fn result_of(key: Key, known: &Reservation) -> ReservationResult {
    ReservationResult { key, state: Some(known.state), lines: known.lines.clone(), expires_at: known.expires_at }
}

fn refused(key: Key, fresh: Reservation) -> ReservationResult {
    ReservationResult { key, state: None, lines: fresh.lines, expires_at: fresh.expires_at }
}

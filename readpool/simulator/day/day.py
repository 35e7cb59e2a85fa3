"""Runs one day of a pool against one way of scaling it: each step traffic, ledgers, polls, weights; each third the HPA.

What scales and what weighs are passed in; the model knows neither the scaler nor the controller.
"""

from math import inf

from readpool.replica_class import ReplicaClass
from readpool.simulator.day.calm import NO_CALM, Calm, find_calm, find_due, find_last_step, find_look
from readpool.simulator.day.leaving import Leaving
from readpool.simulator.day.measures import Measures
from readpool.simulator.day.oddities import holds_any
from readpool.simulator.day.replica import ModelReplica, find_start_ledger, start_replica
from readpool.simulator.day.scenario import Day, Fault
from readpool.simulator.day.sight import Sight
from readpool.simulator.day.traffic import STEP_SECONDS
from readpool.simulator.day.view import Patience, Scaling, View, Weigh

_START_LEDGER = 100_000
_SYNC_STEPS = 3
"""The HPA looks every 15 s."""
_WEIGH_STEPS = 6
"""Numbers reach the weights every 30 s (updateIntervalSeconds), a change of class at once."""
_HALTED_SECONDS = 60.0
_RESET_LEDGERS = 50_000
"""So far is a replica off the network that has begun again: it never gets there with what it has."""
_SHORT_DOWNLOAD_SECONDS = 180.0
"""A network that has just begun again has little to download."""


class PoolDay:
    """One day being lived through."""

    def __init__(self, day: Day, scaling: Scaling, weigh: Weigh, patience: Patience | None = None) -> None:
        """Begin the day; `patience` says when `scaling` need not be asked while all is calm."""
        self._day = day
        self._scaling = scaling
        self._patience = None if day.odd.silent_gates else patience
        self._weigh = weigh
        self._tip = _START_LEDGER
        self._moved_at = 0.0
        self._replicas: list[ModelReplica] = []
        self._sights: dict[str, Sight] = {}
        self._weights: dict[str, int] = {}
        self._generation = 0
        self._faults = list(reversed(day.faults))
        self._restarts = sorted(day.scaler_restarts, reverse=True)
        self._leaving = Leaving(day.odd.leaving_seconds)
        self._is_reset = False
        self._reach = _START_LEDGER
        self._stale_lag = day.stale_lag or day.lag_threshold
        self._calm = NO_CALM
        self._left: tuple[float, float, int] | None = None
        self._spans = (*day.halts, *day.blind_spells, *day.odd.database_stops)
        self.measures = Measures()
        self._begin()

    def _begin(self) -> None:
        """Begin with the target of fresh replicas, or with as many empty ones."""
        self._resize(self._day.initial_replicas or self._day.target, -120.0)
        if self._day.is_cold_start:
            return
        for replica in self._replicas:
            replica.answers_at = replica.downloaded_at = replica.resumes_at = 0.0
            replica.ledger = float(self._tip)

    def live(self) -> Measures:
        """Live through the day and return its figures."""
        step, steps = 0, len(self._day.traffic)
        while step < steps:
            step = self._take_calm_steps(step)
            if step < steps:
                self._take_step(step)
                step += 1
        return self.measures

    def _take_calm_steps(self, step: int) -> int:
        """Step through what is calm, many steps at once; return the first step in which something may happen."""
        traffic, target, measures = self._day.traffic, self._day.target, self.measures
        while self._calm is not NO_CALM:
            size = len(self._replicas)
            rests_until = -inf if self._patience is None else self._patience.rests_until(size)
            asked = find_look(step, rests_until, _SYNC_STEPS)
            last = find_last_step(self._calm, traffic, step, asked)
            if last < step:
                break
            demands, now = traffic[step : last + 1], float(last * STEP_SECONDS)
            self._tip += len(demands)
            self._left = demands[-1], now, len(demands) + (self._left[2] if self._left else 0)
            measures.note_steps(self._calm.serving, target, size, demands)
            if looks := traffic[step + -step % _SYNC_STEPS : min(last + 1, asked) : _SYNC_STEPS]:
                measures.note_calm_size(self._calm.healthy, target, min(looks))
            if last == asked:
                self._ask_in_calm(demands[-1], now)
            step = last + 1
        return step

    def _ask_in_calm(self, demand: float, now: float) -> None:
        """Ask the scaling, in short where that does."""
        if self._patience is not None:
            weights = self._weights
            unit = demand / sum(weights.values())
            requests = {replica.name: weights[replica.name] * unit for replica in self._replicas}
            if self._patience.stay(self._calm, requests, now):
                self.measures.note_calm_size(self._calm.healthy, self._day.target, demand)
                return
        self._make_up()
        self._sync(demand, now, self._calm)

    def _take_step(self, step: int) -> None:
        """Step through five seconds in which anything may happen."""
        day, demand, now = self._day, self._day.traffic[step], float(step * STEP_SECONDS)
        self._make_up()
        self._calm = NO_CALM
        if not holds_any(day.halts, now):
            self._tip += 1
            self._moved_at = now
        self._reach = self._reach if holds_any(day.odd.database_stops, now) else self._tip
        self._suffer(now)
        self._share(demand, now)
        fresh = self._advance(now)
        self.measures.note_steps(fresh, day.target, len(self._replicas), (demand,))
        if self._poll(now) or step % _WEIGH_STEPS == 0:
            leaving = self._leaving.names
            staying = {name: sight for name, sight in self._sights.items() if name not in leaving}
            self._weights = self._weigh(staying, self._weights)
            self._calm = self._find_calm(now)
        if step % _SYNC_STEPS == 0:
            self._sync(demand, now)

    def _find_calm(self, now: float) -> Calm:
        """Find for how long nothing can happen."""
        if self._leaving.names or self._is_reset:
            return NO_CALM
        reset_at = self._day.odd.reset_at
        moments = (*(one.at for one in self._faults[-1:]), *self._restarts[-1:], inf if reset_at is None else reset_at)
        due = find_due(now, self._spans, moments)
        return find_calm(self._replicas, self._sights, self._weights, self._tip, self._stale_lag, now, due)

    def _make_up(self) -> None:
        """Write down what the last of the steps came to in which nothing could happen."""
        if self._left is None:
            return
        (demand, now, steps), self._left = self._left, None
        tip, weights, sights = self._tip, self._weights, self._sights
        self._reach, self._moved_at = tip, now
        unit = demand / sum(weights.values())
        for replica in self._replicas:
            replica.load = weights[replica.name] * unit
            if replica.fault is not None:
                sights[replica.name].note_stuck(tip, steps)
            elif replica.ledger:
                replica.ledger = float(tip)
                sights[replica.name].note_quiet(tip, now)

    def _suffer(self, now: float) -> None:
        """Begin the faults that are due and end those that are over."""
        while self._faults and self._faults[-1].at <= now:
            fault: Fault = self._faults.pop()
            if fault.ordinal < len(self._replicas):
                self._replicas[fault.ordinal].befall(fault)
        for replica in self._replicas:
            if replica.fault is not None and replica.fault_until <= now:
                replica.recover()
            if replica.loops_at <= now:
                replica.loop(now)
        self._reset(now)
        while self._restarts and self._restarts[-1] <= now:
            self._restarts.pop()
            for sight in self._sights.values():
                sight.forget(now)
            self._scaling.restart(now)

    def _reset(self, now: float) -> None:
        """Restart the network: who is there follows the old one, until its volume is emptied."""
        odd = self._day.odd
        if odd.reset_at is None or now < odd.reset_at:
            return
        if not self._is_reset:
            self._is_reset = True
            for replica in self._replicas:
                if replica.ledger:
                    replica.ledger, replica.resumes_at = max(1.0, replica.ledger - _RESET_LEDGERS), inf
        wiped = int((now - odd.reset_at) / odd.wipe_seconds)
        for replica in self._replicas[:wiped]:
            if replica.ledger and replica.resumes_at == inf:
                replica.lose(now, min(self._day.warm_up_seconds, _SHORT_DOWNLOAD_SECONDS))

    def _poll(self, now: float) -> bool:
        """Ask every replica once; return whether a class changed."""
        changed = self._leaving.poll(self._sights, self._tip, self._day.lag_threshold, now, STEP_SECONDS)
        tip, threshold, sights = self._tip, self._day.lag_threshold, self._sights
        is_blind, leaving = holds_any(self._day.blind_spells, now), self._leaving.names
        for replica in self._replicas:
            if replica.name in leaving:
                continue
            sight = sights.get(replica.name)
            if is_blind or now < replica.answers_at:
                changed = (sight is not None and sight.miss(now)) or changed
                continue
            if sight is None:
                sight = sights[replica.name] = Sight(now)
            if replica.ledger >= tip and sight.replica_class is _FRESH and sight.is_quiet:
                sight.note_quiet(tip, now)
                continue
            changed = sight.see(replica, tip, threshold, now, STEP_SECONDS) or changed
        return changed

    def _share(self, demand: float, now: float) -> None:
        """Divide the reads among the replicas."""
        weights, measures = self._weights, self.measures
        total = sum(weights.values())
        if not total:
            measures.failed_reads += demand * STEP_SECONDS
            for replica in self._replicas:
                replica.load = 0.0
            return
        unit = demand / total
        for replica in self._replicas:
            load = weights.get(replica.name, 0) * unit
            if load and (now < replica.answers_at or not replica.ledger):
                measures.failed_reads += load * STEP_SECONDS
                load = 0.0
            replica.load = load
            if load and load > (most := replica.most_reads):
                measures.failed_reads += (load - most) * STEP_SECONDS

    def _advance(self, now: float) -> int:
        """Apply ledgers in every replica for a step; count those that are truly fresh, and their stale reads."""
        fresh = overloaded = serving = 0
        tip, reach, threshold, stale = self._tip, self._reach, self._stale_lag, 0.0
        for replica in self._replicas:
            if not replica.ledger:
                if now < replica.downloaded_at:
                    continue
                replica.ledger = find_start_ledger(replica, reach)
            if replica.load:
                serving += 1
            if replica.advance(reach, now, STEP_SECONDS):
                overloaded += 1
            if tip - replica.ledger >= threshold:
                stale += replica.load
            elif now >= replica.answers_at:
                fresh += 1
        self.measures.stale_reads += stale * STEP_SECONDS
        if overloaded:
            self.measures.note_overload(overloaded, serving, now)
        return fresh

    def _sync(self, demand: float, now: float, calm: Calm = NO_CALM) -> None:
        """Ask for the size and change it as a StatefulSet does."""
        odd = self._day.odd
        is_silent, sights = holds_any(odd.silent_gates, now), self._sights
        reads = None if is_silent else {r.name: r.load for r in self._replicas if r.name in sights}
        is_halted = now - self._moved_at >= _HALTED_SECONDS
        size = self._scaling.sync(
            View(
                now,
                len(self._replicas),
                sights,
                self._tip,
                self._moved_at,
                is_halted,
                reads,
                self._day.lag_threshold,
                odd.reset_at if self._is_reset else None,
                shares_database=bool(odd.database_stops),
                calm=calm,
            )
        )
        if size != len(self._replicas):
            self.measures.scalings += 1
            self._resize(size, now)
        self.measures.note_size(self._replicas, self._day.target, demand, now)

    def _resize(self, size: int, now: float) -> None:
        """Start the next ordinals or end the highest ones."""
        self._calm = NO_CALM
        for replica in self._replicas[size:]:
            self._weights.pop(replica.name, None)
            self._leaving.let_go(replica, now)
        self._leaving.forget_gone(self._sights, now)
        del self._replicas[size:]
        for ordinal in range(len(self._replicas), size):
            self._generation += 1
            warm_up_seconds = self._day.warm_up_seconds
            replica = start_replica(
                self._day.seed,
                ordinal,
                self._generation,
                min(warm_up_seconds, _SHORT_DOWNLOAD_SECONDS) if self._is_reset else warm_up_seconds,
                self._leaving.find_end(f"core-{ordinal}", now),
                may_be_odd=self._day.odd.odd_newcomers and now > 0,
                measured=self._day.measured_starts,
            )
            self._replicas.append(replica)


_FRESH = ReplicaClass.FRESH

"""The nodes of one fleet, counted for the caller that asked for it first: how many more it may have. Pure."""

from readpool.budget import Budget, Limits, OverBudget


class NodeAccount:
    """Keeps what one fleet has taken of a budget.

    Args:
        budget: of nodes, which the fleets of a caller share.
        caller: the first that asked for the fleet.
        namespace: the fleet's.
    """

    def __init__(self, budget: Budget, caller: str, namespace: str) -> None:
        self.caller = caller
        self.namespace = namespace
        self._budget = budget
        self._taken = 0

    def find_refusal(self, count: int) -> OverBudget | None:
        """Explain why the fleet cannot have `count` nodes now; None if it can."""
        return self._budget.find_refusal(self.caller, self.namespace, max(0, count - self._taken))

    def settle(self, count: int) -> None:
        """Note that the fleet has `count` nodes from now on, which it was found to be able to have."""
        if count > self._taken:
            self._budget.take(self.caller, self.namespace, count - self._taken)
        elif count < self._taken:
            self._budget.give_back(self.caller, self.namespace, self._taken - count)
        self._taken = count


def build_account_without_limits() -> NodeAccount:
    """Build an account of its own that is never overdrawn: of a fleet that shares nothing."""
    most = 2**31
    return NodeAccount(Budget("nodes", Limits(None, most)), "", "")

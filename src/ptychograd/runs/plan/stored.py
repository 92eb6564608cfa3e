def as_settings(plan):
    return plan.said()

"""The storeys of the house: which room may import which."""

# From the ground up. A storey may import those before it; of its own rooms, none may
# import another.
STOREYS = (
    {"system"},
    {"data", "collaboration"},
    {"nn"},
    {"resnet", "models", "datasets", "logger"},
    {"experiments"},
    {"runs"},
    {"training", "deployment", "report"},
    {"analysis", "run_experiments", "export", "predict"},
)
SAME_ROOM = {"schedules": "collaboration", "costs": "collaboration"}

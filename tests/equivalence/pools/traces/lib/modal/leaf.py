from modal import MODE

SEEN = MODE

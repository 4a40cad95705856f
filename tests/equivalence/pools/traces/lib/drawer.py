from random import Random

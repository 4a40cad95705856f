import base_of_many
import keeper

class Derived(base_of_many.Base):
    pass

class Kept(keeper.Keeper):
    pass

keeper.REGISTERED.append("subclass_of_it")
keeper.Keeper.table["subclass_of_it"] = 1
